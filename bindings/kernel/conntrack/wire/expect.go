package wire

// Attributes of an expectation (enum ctattr_expect, ctattr_expect_nat).
const (
	attrExpMaster  = 1
	attrExpTuple   = 2
	attrExpMask    = 3
	attrExpTimeout = 4
	attrExpID      = 5
	attrExpHelper  = 6
	attrExpZone    = 7
	attrExpFlags   = 8
	attrExpClass   = 9
	attrExpNAT     = 10
	attrExpFn      = 11

	attrExpNATDir   = 1
	attrExpNATTuple = 2
)

// ExpectFlags are the NF_CT_EXPECT_* bits.
type ExpectFlags uint32

// Flags of an expectation.
const (
	ExpectPermanent ExpectFlags = 1 // survives being used
	ExpectInactive  ExpectFlags = 2 // does not match
	ExpectUserspace ExpectFlags = 4 // made by a helper in user space
)

// Expect is an expectation: a flow that matches Tuple under Mask will be a
// child of Master.
type Expect struct {
	Tuple, Mask, Master Tuple
	NAT                 Tuple // translation of the child, where HasNAT
	Helper              string
	Fn                  string // name of the function called on a match
	Timeout             uint32 // seconds left
	ID                  uint32
	Class               uint32
	Flags               ExpectFlags
	NATDir              Direction
	HasNAT              bool
	HasTimeout          bool
	HasID               bool
}

// ParseExpect reads an expectation message into e, which it overwrites.
func ParseExpect(msg []byte, e *Expect) error {
	b, err := body(msg, "an expectation")
	if err != nil {
		return err
	}
	*e = Expect{}
	var zone uint16
	in := attrs{b: b}
	for {
		typ, p, ok := in.next()
		if !ok {
			break
		}
		switch {
		case typ == attrExpMaster:
			e.Master.decode(p)
		case typ == attrExpTuple:
			e.Tuple.decode(p)
		case typ == attrExpMask:
			e.Mask.decode(p)
		case typ == attrExpTimeout && len(p) >= 4:
			e.Timeout, e.HasTimeout = be32(p), true
		case typ == attrExpID && len(p) >= 4:
			e.ID, e.HasID = be32(p), true
		case typ == attrExpHelper:
			e.Helper = cstring(p)
		case typ == attrExpFn:
			e.Fn = cstring(p)
		case typ == attrExpZone && len(p) >= 2:
			zone = be16(p)
		case typ == attrExpFlags && len(p) >= 4:
			e.Flags = ExpectFlags(be32(p))
		case typ == attrExpClass && len(p) >= 4:
			e.Class = be32(p)
		case typ == attrExpNAT:
			e.HasNAT = true
			e.NATDir = Direction(uint32In(p, attrExpNATDir) & 1)
			e.NAT.decode(find(p, attrExpNATTuple))
		}
	}
	e.Tuple.Zone, e.Master.Zone = zone, zone
	return cut(&in, msg)
}

func (w *builder) expectNAT(e *Expect) {
	if !e.HasNAT {
		return
	}
	mark := w.nest(attrExpNAT)
	w.uint32(attrExpNATDir, uint32(e.NATDir))
	w.tuple(attrExpNATTuple, &e.NAT, false)
	w.end(mark)
}

// cstring reads a string that may end in NUL.
func cstring(p []byte) string {
	for i, c := range p {
		if c == 0 {
			return string(p[:i])
		}
	}
	return string(p)
}
