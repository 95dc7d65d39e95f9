package wire

import "fmt"

// TimeoutAdd makes a timeout policy, or with Replace changes one in place,
// also while rules use it; states that are not set then fall back to the
// defaults.
type TimeoutAdd struct {
	Timeout Timeout
	Replace bool
}

// Op implements Request.
func (r *TimeoutAdd) Op() string {
	if r.Replace {
		return "replace timeout policy"
	}
	return "add timeout policy"
}

// Target implements Request.
func (*TimeoutAdd) Target() Tuple { return Tuple{} }
func (*TimeoutAdd) sealed()       {}

// Append implements Request.
func (r *TimeoutAdd) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	if err := checkTimeoutName(r.Op(), r.Timeout.Name); err != nil {
		return b, err
	}
	if err := r.Timeout.check(r.Op()); err != nil {
		return b, err
	}
	if r.Replace {
		flags |= FlagReplace
	} else {
		flags |= FlagCreate | FlagExcl
	}
	w := newBuilder(b, SubsysTimeout, MsgTimeoutNew, seq, flags, FamilyUnspec)
	w.string(attrTimeoutName, r.Timeout.Name)
	w.timeout(&r.Timeout)
	return w.finish(), nil
}

func checkTimeoutName(op, name string) error {
	if name == "" {
		return &FieldError{op, "name", "missing"}
	}
	if len(name) > maxTimeoutName {
		return &FieldError{op, "name", fmt.Sprintf("%q is longer than %d bytes", name, maxTimeoutName)}
	}
	return nil
}

func (t *Timeout) check(op string) error {
	switch {
	case timeoutStates[t.Proto] == nil:
		return &FieldError{op, "proto", ProtoName(t.Proto) + " has no timeout policies"}
	case t.Family != FamilyIPv4 && t.Family != FamilyIPv6:
		return &FieldError{op, "family", fmt.Sprintf("%d is neither IPv4 nor IPv6", t.Family)}
	case t.set == 0:
		return &FieldError{op, "timeout", "no state is set"}
	}
	return nil
}

// TimeoutGet asks for one policy by name.
type TimeoutGet struct{ Name string }

// Op implements Request.
func (TimeoutGet) Op() string { return "get timeout policy" }

// Target implements Request.
func (TimeoutGet) Target() Tuple { return Tuple{} }
func (TimeoutGet) sealed()       {}

// Append implements Request.
func (r TimeoutGet) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	return appendTimeoutName(b, MsgTimeoutGet, seq, flags, r.Op(), r.Name)
}

// TimeoutDelete removes one policy. It refuses to be sent without a name,
// which the kernel takes for all.
type TimeoutDelete struct{ Name string }

// Op implements Request.
func (TimeoutDelete) Op() string { return "delete timeout policy" }

// Target implements Request.
func (TimeoutDelete) Target() Tuple { return Tuple{} }
func (TimeoutDelete) sealed()       {}

// Append implements Request.
func (r TimeoutDelete) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	return appendTimeoutName(b, MsgTimeoutDelete, seq, flags, r.Op(), r.Name)
}

func appendTimeoutName(b []byte, msg uint8, seq uint32, flags uint16, op, name string) ([]byte, error) {
	if err := checkTimeoutName(op, name); err != nil {
		return b, err
	}
	w := newBuilder(b, SubsysTimeout, msg, seq, flags, FamilyUnspec)
	w.string(attrTimeoutName, name)
	return w.finish(), nil
}

// TimeoutList asks for every policy of the namespace.
type TimeoutList struct{}

// Op implements Request.
func (TimeoutList) Op() string { return "list timeout policies" }

// Target implements Request.
func (TimeoutList) Target() Tuple { return Tuple{} }
func (TimeoutList) sealed()       {}

// Append implements Request.
func (TimeoutList) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	w := newBuilder(b, SubsysTimeout, MsgTimeoutGet, seq, flags|FlagDump, FamilyUnspec)
	return w.finish(), nil
}

// TimeoutFlush removes every policy that no rule uses.
type TimeoutFlush struct{}

// Op implements Request.
func (TimeoutFlush) Op() string { return "flush timeout policies" }

// Target implements Request.
func (TimeoutFlush) Target() Tuple { return Tuple{} }
func (TimeoutFlush) sealed()       {}

// Append implements Request.
func (TimeoutFlush) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	w := newBuilder(b, SubsysTimeout, MsgTimeoutDelete, seq, flags, FamilyUnspec)
	return w.finish(), nil
}

// TimeoutDefaultSet writes the defaults of a protocol, which are the
// nf_conntrack_*_timeout sysctls of the namespace.
type TimeoutDefaultSet struct{ Timeout Timeout }

// Op implements Request.
func (*TimeoutDefaultSet) Op() string { return "set default timeouts" }

// Target implements Request.
func (*TimeoutDefaultSet) Target() Tuple { return Tuple{} }
func (*TimeoutDefaultSet) sealed()       {}

// Append implements Request.
func (r *TimeoutDefaultSet) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	if err := r.Timeout.check(r.Op()); err != nil {
		return b, err
	}
	w := newBuilder(b, SubsysTimeout, MsgTimeoutDefaultSet, seq, flags, FamilyUnspec)
	w.timeout(&r.Timeout)
	return w.finish(), nil
}

// TimeoutDefaultGet asks for the defaults of a protocol.
type TimeoutDefaultGet struct{ Family, Proto uint8 }

// Op implements Request.
func (TimeoutDefaultGet) Op() string { return "get default timeouts" }

// Target implements Request.
func (TimeoutDefaultGet) Target() Tuple { return Tuple{} }
func (TimeoutDefaultGet) sealed()       {}

// Append implements Request.
func (r TimeoutDefaultGet) Append(b []byte, seq uint32, flags uint16) ([]byte, error) {
	if timeoutStates[r.Proto] == nil {
		return b, &FieldError{r.Op(), "proto", ProtoName(r.Proto) + " has no timeout policies"}
	}
	w := newBuilder(b, SubsysTimeout, MsgTimeoutDefaultGet, seq, flags, FamilyUnspec)
	w.uint16(attrTimeoutL3, uint16(r.Family))
	w.uint8(attrTimeoutL4, r.Proto)
	return w.finish(), nil
}
