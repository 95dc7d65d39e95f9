package conformance

import (
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// helperTests are about helpers.
var helperTests = []test{
	{"at creation", func(h *harness) {
		give := func(name string) func(*wire.Entry) {
			return func(e *wire.Entry) { e.Helper, e.Present = name, e.Present|wire.HasHelper }
		}
		e := h.create(tcp(1, 21), give("ftp"))
		h.equal("helper", e.Helper, "ftp")
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusHelper)
		e = h.create(udp(1, 69), give("tftp"))
		h.equal("helper", e.Helper, "tftp")
		e = h.create(flowOf(wire.ProtoUDP, "fd00::1", "fd00::2", 1, 5060), give("sip"))
		h.equal("helper", e.Helper, "sip")
		h.refuse(syscall.EOPNOTSUPP, entry(tcp(2, 21), give("nosuch")))
		h.refuse(syscall.EOPNOTSUPP, entry(udp(2, 21), give("ftp")))
		h.refuse(syscall.EOPNOTSUPP, entry(flowOf(wire.ProtoTCP, "fd00::1", "fd00::2", 1, 6667), give("irc")))
		t := tcp(3, 21)
		h.raw().want(syscall.EINVAL, ct(wire.MsgNew, wire.FlagCreate, 2, tuple(wire.AttrTupleOrig, t), tuple(wire.AttrTupleReply, back(t)),
			attr32(wire.AttrTimeout, 9), nest(wire.AttrHelp)), "no name")
	}},
	{"later", func(h *harness) {
		h.create(tcp(1, 21), func(e *wire.Entry) { e.Helper, e.Present = "ftp", e.Present|wire.HasHelper })
		h.create(tcp(2, 21))
		r := h.raw()
		help := func(port uint16, name string) message {
			return ct(wire.MsgNew, 0, 2, tuple(wire.AttrTupleOrig, tcp(port, 21)), nest(wire.AttrHelp, attrText(1, name)))
		}
		r.want(0, help(1, "ftp"), "the same")
		r.want(syscall.EBUSY, help(1, "sip"), "another")
		r.want(syscall.EOPNOTSUPP, help(1, "nosuch"), "unknown")
		r.want(syscall.EOPNOTSUPP, help(2, "ftp"), "born without")
		r.want(syscall.EINVAL, help(1, "a name that is too long"), "long name")
		r.want(0, help(2, ""), "removal where there is none")
		r.want(0, help(1, ""), "removal")
		e := h.get(tcp(1, 21))
		h.equal("helper", e.Helper, "")
		h.equal("status keeps HELPER", e.Status, wire.StatusConfirmed|wire.StatusHelper)
	}},
	{"removal takes its expectations", func(h *harness) {
		h.master(tcp(1, 21), "ftp")
		h.do(&wire.ExpectCreate{Expect: expectation(tcp(1, 21), 2000)})
		h.equal("expectations", len(h.expects(wire.ExpectDump{})), 1)
		h.do(&wire.Update{Key: wire.Key{Tuple: tcp(1, 21)}, DropHelper: true})
		h.equal("expectations", len(h.expects(wire.ExpectDump{})), 0)
	}},
}
