package wire

// check says what makes k unfit to name a flow.
func (k *Key) check(op string) error {
	if msg := k.Tuple.check(); msg != "" {
		return &FieldError{op, k.Dir.String() + " tuple", msg}
	}
	return nil
}

// append adds what looks the flow up: its tuple and its zone.
func (k *Key) append(w *builder) {
	w.tuple(AttrTupleOrig+int(k.Dir), &k.Tuple, k.Split)
	if k.Tuple.Zone != 0 && !k.Split {
		w.uint16(AttrZone, k.Tuple.Zone)
	}
}

// Get asks for one flow; the kernel ignores the id, so the caller compares
// it. Zero also resets the counters while reading them.
type Get struct {
	Key  Key
	Zero bool
}

// Op implements Request.
func (Get) Op() string { return "get flow" }

// Target implements Request.
func (g Get) Target() Tuple { return g.Key.Tuple }
func (Get) sealed()         {}

// Check tells whether the kernel can be asked for the flow, before anything is
// sent: nil, or the [*FieldError] that Append would return.
func (g Get) Check() error { return g.Key.check(g.Op()) }

// Append implements Request.
func (g Get) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	if err := g.Check(); err != nil {
		return b, err
	}
	msg := uint8(MsgGet)
	if g.Zero {
		msg = MsgGetCtrZero
	}
	w := newBuilder(b, SubsysConntrack, msg, seq, flags, g.Key.Tuple.Family)
	g.Key.append(&w)
	return w.finish(), nil
}

// Delete removes one flow. It cannot be made without a key, since a delete
// without a tuple empties the table: see [NewDelete] and [Flush].
type Delete struct {
	key Key
}

// NewDelete returns the request to delete the flow that key names, by tuple,
// zone and (where the key has one) id. A key without a valid tuple is refused
// here and again when the message is made.
func NewDelete(key Key) (Delete, error) {
	d := Delete{key}
	return d, key.check(d.Op())
}

// Key returns what the request deletes.
func (d Delete) Key() Key { return d.key }

// Op implements Request.
func (Delete) Op() string { return "delete flow" }

// Target implements Request.
func (d Delete) Target() Tuple { return d.key.Tuple }
func (Delete) sealed()         {}

// Append implements Request.
func (d Delete) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	if err := d.key.check(d.Op()); err != nil {
		return b, err
	}
	w := newBuilder(b, SubsysConntrack, MsgDelete, seq, flags, d.key.Tuple.Family)
	d.key.append(&w)
	if d.key.HasID {
		w.uint32(AttrID, d.key.ID)
	}
	return w.finish(), nil
}

// AppendDelete appends a delete of the flow that v shows, its tuple, zone and
// id copied as raw bytes from the dump: what a delete of many
// flows uses instead of decoding and encoding again. It is false, with b as it was,
// where v has no original tuple.
func (v *View) AppendDelete(b []byte, seq uint32, flags uint16) ([]byte, bool) {
	tuple := v.attr(AttrTupleOrig)
	if len(tuple) == 0 {
		return b, false
	}
	w := newBuilder(b, SubsysConntrack, MsgDelete, seq, flags, v.Family())
	w.bytes(AttrTupleOrig|nlaNested, tuple)
	for _, typ := range [...]int{AttrZone, AttrID} {
		if p := v.attr(typ); p != nil {
			w.bytes(typ, p)
		}
	}
	return w.finish(), true
}
