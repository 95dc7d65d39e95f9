package restore

import "github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"

// registered are the protocols that helpers of the kernel are registered for.
// Helpers of user space have other names and may be for any.
var registered = map[string][]uint8{
	"amanda":     {wire.ProtoUDP},
	"ftp":        {wire.ProtoTCP},
	"irc":        {wire.ProtoTCP},
	"netbios-ns": {wire.ProtoUDP},
	"pptp":       {wire.ProtoTCP},
	"sane":       {wire.ProtoTCP},
	"sip":        {wire.ProtoTCP, wire.ProtoUDP},
	"snmp_trap":  {wire.ProtoUDP},
	"tftp":       {wire.ProtoUDP},
	"Q.931":      {wire.ProtoTCP},
	"RAS":        {wire.ProtoUDP},
	"H.245":      {wire.ProtoUDP}, // and used for TCP (linux nf_conntrack_h323_main.c)
}

// leavesHelper tells whether the helper of e cannot come back. An expected flow
// gets its helper from the expectation, whatever that is registered for, while a
// request looks it up by name, family and protocol (linux nf_conntrack_helper.c,
// __nf_conntrack_helper_find) and is refused where it finds none: so with H.245.
func (o *Options) leavesHelper(e *wire.Entry) bool {
	if !e.Has(wire.HasHelper) {
		return false
	}
	if o.NoHelper || helperName(e) == "" {
		return true
	}
	protos, known := registered[helperName(e)]
	if !known || !e.Has(wire.HasMaster) {
		return false
	}
	for _, p := range protos {
		if p == e.Orig.Proto {
			return false
		}
	}
	return true
}

// helperName is the name of the helper of e, "" where it has none or only a
// number that stands for several.
func helperName(e *wire.Entry) string {
	switch {
	case e.Helper != "" || !e.Has(wire.HasHelper):
		return e.Helper
	case e.Flow.Helper == wire.HelperOther:
		return ""
	}
	return e.Flow.Helper.String()
}
