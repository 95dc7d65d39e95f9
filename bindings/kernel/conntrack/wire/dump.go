package wire

// Table is one of the kernel's lists of flows.
type Table uint8

// The lists. Dying holds flows whose destroy event could not be delivered to
// a reliable listener; unconfirmed is always empty on kernels since 6.0, which
// dropped the list.
const (
	TableConntrack Table = iota
	TableDying
	TableUnconfirmed
)

// String returns the name of the list.
func (t Table) String() string {
	return [...]string{"conntrack", "dying", "unconfirmed"}[t]
}

// Dump asks for the flows of a table.
type Dump struct {
	Table  Table
	Filter Filter
	// Zero resets the counters of each flow as it is read, in one step.
	Zero bool
}

// Op implements Request.
func (d *Dump) Op() string { return "dump " + d.Table.String() }

// Target implements Request.
func (*Dump) Target() Tuple { return Tuple{} }
func (*Dump) sealed()       {}

// Append implements Request.
func (d *Dump) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	if err := d.Filter.check(d.Op()); err != nil {
		return b, err
	}
	msg := uint8(MsgGet)
	switch {
	case d.Table != TableConntrack && d.Zero:
		return b, &FieldError{d.Op(), "zero", "counters can be reset in the conntrack table only"}
	case d.Table != TableConntrack && !d.Filter.familyOnly():
		return b, &FieldError{d.Op(), "filter", "the kernel filters this list by family only"}
	case d.Table == TableDying:
		msg = MsgGetDying
	case d.Table == TableUnconfirmed:
		msg = MsgGetUnconfirmed
	case d.Zero:
		msg = MsgGetCtrZero
	}
	w := newBuilder(b, SubsysConntrack, msg, seq, flags|FlagDump, d.Filter.Family)
	d.Filter.append(&w)
	return w.finish(), nil
}

// Flush deletes every flow that Filter selects, in the kernel, and is the only
// request that can do without a tuple. All is what must be said to empty the
// table.
type Flush struct {
	Filter Filter
	All    bool
}

// Op implements Request.
func (*Flush) Op() string { return "flush flows" }

// Target implements Request.
func (*Flush) Target() Tuple { return Tuple{} }
func (*Flush) sealed()       {}

// Append implements Request. Only filters that the kernel honours pass: a
// delete whose filter attributes it ignores empties the table and reports
// success.
func (f *Flush) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	if err := f.Filter.check(f.Op()); err != nil {
		return b, err
	}
	if f.Filter.IsZero() != f.All {
		if f.All {
			return b, &FieldError{f.Op(), "filter", "given together with all"}
		}
		return b, &FieldError{f.Op(), "filter", "missing: say all to empty the table"}
	}
	w := newBuilder(b, SubsysConntrack, MsgDelete, seq, flags, f.Filter.Family)
	w.version(1) // with 0 the kernel ignores the family
	// With CTA_FILTER the tuples are patterns, not the flow to delete.
	f.Filter.append(&w)
	return w.finish(), nil
}

// Count asks for the number of entries and the limit of the table, an answer
// that costs no walk (CT_GET_STATS).
type Count struct{}

// Op implements Request.
func (Count) Op() string { return "count flows" }

// Target implements Request.
func (Count) Target() Tuple { return Tuple{} }
func (Count) sealed()       {}

// Append implements Request.
func (Count) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	w := newBuilder(b, SubsysConntrack, MsgGetStats, seq, flags, FamilyUnspec)
	return w.finish(), nil
}

// StatsDump asks for the counters of every CPU, of flows or of expectations.
type StatsDump struct{ Expect bool }

// Op implements Request.
func (s StatsDump) Op() string {
	if s.Expect {
		return "dump expectation stats"
	}
	return "dump stats"
}

// Target implements Request.
func (StatsDump) Target() Tuple { return Tuple{} }
func (StatsDump) sealed()       {}

// Append implements Request.
func (s StatsDump) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	subsys, msg := SubsysConntrack, uint8(MsgGetStatsCPU)
	if s.Expect {
		subsys, msg = SubsysExpect, MsgExpGetStatsCPU
	}
	w := newBuilder(b, subsys, msg, seq, flags|FlagDump, FamilyUnspec)
	return w.finish(), nil
}
