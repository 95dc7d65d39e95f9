package wire

// ExpectCreate makes an expectation. Tuple, Mask and Master are required; the
// zone is that of Master, which must have a helper from birth. Timeout is
// ignored by the kernel, which takes that of the helper's policy: change it
// afterwards with [ExpectUpdate]. A policy that is full loses its oldest
// expectation without a word.
type ExpectCreate struct{ Expect Expect }

// Op implements Request.
func (*ExpectCreate) Op() string { return "create expectation" }

// Target implements Request.
func (r *ExpectCreate) Target() Tuple { return r.Expect.Tuple }
func (*ExpectCreate) sealed()         {}

// Append implements Request.
func (r *ExpectCreate) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	return r.Expect.append(b, seq, flags|FlagCreate|FlagExcl, r.Op())
}

// ExpectUpdate sets the timeout of an expectation, in seconds; the kernel
// changes nothing else and tells no listener.
type ExpectUpdate struct{ Expect Expect }

// Op implements Request.
func (*ExpectUpdate) Op() string { return "update expectation" }

// Target implements Request.
func (r *ExpectUpdate) Target() Tuple { return r.Expect.Tuple }
func (*ExpectUpdate) sealed()         {}

// Append implements Request. It lacks NLM_F_CREATE, so that nothing is made
// where nothing was.
func (r *ExpectUpdate) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	if !r.Expect.HasTimeout {
		return b, &FieldError{r.Op(), "timeout", "missing: nothing else can be changed"}
	}
	return r.Expect.append(b, seq, flags, r.Op())
}

func (e *Expect) append(b []byte, seq uint32, flags uint16, op string) ([]byte, error) {
	for _, t := range []struct {
		name string
		t    *Tuple
	}{{"tuple", &e.Tuple}, {"master", &e.Master}} {
		if msg := t.t.check(); msg != "" {
			return b, &FieldError{op, t.name, msg}
		}
	}
	switch {
	case e.Mask.IsZero():
		return b, &FieldError{op, "mask", "missing"}
	case e.Mask.Family != e.Tuple.Family || e.Master.Family != e.Tuple.Family:
		return b, &FieldError{op, "tuple", "tuple, mask and master must be of one family"}
	case e.Flags&^(ExpectPermanent|ExpectInactive) != 0:
		return b, &FieldError{op, "flags", "only permanent and inactive can be set"}
	case len(e.Helper) > 15:
		return b, &FieldError{op, "helper", "longer than 15 bytes"}
	case e.Timeout > MaxTimeout:
		return b, &FieldError{op, "timeout", "longer than the kernel stores"}
	}
	w := newBuilder(b, SubsysExpect, MsgExpNew, seq, flags, e.Tuple.Family)
	w.tuple(attrExpMaster, &e.Master, false)
	w.tuple(attrExpTuple, &e.Tuple, false)
	mask := e.Mask
	mask.Proto = e.Tuple.Proto // says which keys the mask has
	w.tuple(attrExpMask, &mask, false)
	if e.HasTimeout {
		w.uint32(attrExpTimeout, e.Timeout)
	}
	if e.Helper != "" {
		w.string(attrExpHelper, e.Helper)
	}
	if e.Master.Zone != 0 {
		w.uint16(attrExpZone, e.Master.Zone)
	}
	w.uint32(attrExpFlags, uint32(e.Flags))
	w.uint32(attrExpClass, e.Class)
	w.expectNAT(e)
	if e.Fn != "" {
		w.string(attrExpFn, e.Fn)
	}
	return w.finish(), nil
}

// ExpectGet asks for the expectation that a tuple would meet.
type ExpectGet struct {
	Tuple Tuple
	ID    uint32 // must be its id, where HasID
	HasID bool
}

// Op implements Request.
func (ExpectGet) Op() string { return "get expectation" }

// Target implements Request.
func (r ExpectGet) Target() Tuple { return r.Tuple }
func (ExpectGet) sealed()         {}

// Append implements Request.
func (r ExpectGet) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	return appendExpectKey(b, MsgExpGet, seq, flags, r.Op(), &r.Tuple, r.ID, r.HasID)
}

// ExpectDelete removes one expectation. Like [Delete] it cannot be made
// without a tuple: the kernel takes that for "all".
type ExpectDelete struct {
	tuple Tuple
	id    uint32
	hasID bool
}

// NewExpectDelete returns the request to delete e, by tuple, zone and (where e
// has one) id.
func NewExpectDelete(e *Expect) (ExpectDelete, error) {
	r := ExpectDelete{e.Tuple, e.ID, e.HasID}
	if msg := r.tuple.check(); msg != "" {
		return r, &FieldError{r.Op(), "tuple", msg}
	}
	return r, nil
}

// Op implements Request.
func (ExpectDelete) Op() string { return "delete expectation" }

// Target implements Request.
func (r ExpectDelete) Target() Tuple { return r.tuple }
func (ExpectDelete) sealed()         {}

// Append implements Request.
func (r ExpectDelete) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	return appendExpectKey(b, MsgExpDelete, seq, flags, r.Op(), &r.tuple, r.id, r.hasID)
}

func appendExpectKey(b []byte, msg uint8, seq uint32, flags uint16, op string, t *Tuple, id uint32, hasID bool) ([]byte, error) {
	if reason := t.check(); reason != "" {
		return b, &FieldError{op, "tuple", reason}
	}
	w := newBuilder(b, SubsysExpect, msg, seq, flags, t.Family)
	w.tuple(attrExpTuple, t, false)
	if t.Zone != 0 {
		w.uint16(attrExpZone, t.Zone)
	}
	if hasID {
		w.uint32(attrExpID, id)
	}
	return w.finish(), nil
}

// ExpectFlush removes all expectations of one helper, or with All every one.
type ExpectFlush struct {
	Helper string
	All    bool
}

// Op implements Request.
func (ExpectFlush) Op() string { return "flush expectations" }

// Target implements Request.
func (ExpectFlush) Target() Tuple { return Tuple{} }
func (ExpectFlush) sealed()       {}

// Append implements Request.
func (r ExpectFlush) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	if (r.Helper == "") != r.All {
		return b, &FieldError{r.Op(), "helper", "name one, or say all, not both"}
	}
	w := newBuilder(b, SubsysExpect, MsgExpDelete, seq, flags, FamilyUnspec)
	if r.Helper != "" {
		w.string(attrExpHelper, r.Helper)
	}
	return w.finish(), nil
}

// ExpectDump asks for all expectations, or for those of one master.
type ExpectDump struct {
	Family uint8 // 0 for both
	Master *Tuple
}

// Op implements Request.
func (ExpectDump) Op() string { return "dump expectations" }

// Target implements Request.
func (r ExpectDump) Target() Tuple {
	if r.Master != nil {
		return *r.Master
	}
	return Tuple{}
}
func (ExpectDump) sealed() {}

// Append implements Request.
func (r ExpectDump) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	family := r.Family
	if r.Master != nil {
		if msg := r.Master.check(); msg != "" {
			return b, &FieldError{r.Op(), "master", msg}
		}
		family = r.Master.Family
	}
	w := newBuilder(b, SubsysExpect, MsgExpGet, seq, flags|FlagDump, family)
	if r.Master != nil {
		w.tuple(attrExpMaster, r.Master, false)
		if r.Master.Zone != 0 {
			w.uint16(attrExpZone, r.Master.Zone)
		}
	}
	return w.finish(), nil
}
