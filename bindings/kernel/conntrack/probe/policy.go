package probe

import (
	"errors"
	"os"
	"syscall"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/netfilter"

	"github.com/ctsh/ctsh/bindings/kernel/module"
)

// Subsystems of nfnetlink beside conntrack (linux/netfilter/nfnetlink.h).
const (
	subsysQueue  netfilter.SubsystemID = 3
	subsysHelper netfilter.SubsystemID = 9
)

// timeoutPolicies lists those of the empty namespace.
func timeoutPolicies(l *lab) Verdict {
	if _, err := l.kernel.Timeouts(l.ctx); err != nil {
		return failed(err)
	}
	return Verdict{State: OK}
}

// userHelpers lists the helpers that live in user space. The kernel answers
// EINVAL for a subsystem that it does not know, and EPERM for this one outside
// the initial user namespace.
func userHelpers(l *lab) Verdict {
	const msgGet = 1
	_, err := l.ask(netfilter.Header{SubsystemID: subsysHelper, MessageType: msgGet, Flags: netlink.Request | netlink.Dump})
	switch {
	case err == nil, errors.Is(err, syscall.EPERM):
		return Verdict{State: OK}
	case errors.Is(err, syscall.EINVAL):
		return Verdict{Absent, "nfnetlink knows no such subsystem"}
	}
	return failed(err)
}

// queueFlows binds a queue and asks for the flow of each packet with it, which
// the kernel grants where conntrack gave it the hook.
func queueFlows(l *lab) Verdict {
	const (
		msgConfig                = 2
		cfgCmd, cfgMask, cfgFlag = 1, 4, 5 // attributes
		flagConntrack            = 1 << 1
	)
	head := netfilter.Header{SubsystemID: subsysQueue, MessageType: msgConfig,
		Flags: netlink.Request | netlink.Acknowledge, ResourceID: 1}
	_, err := l.ask(head,
		netfilter.Attribute{Type: cfgCmd, Data: []byte{1, 0, 0, 2}}, // bind, IPv4
		netfilter.Attribute{Type: cfgMask, Data: netfilter.Uint32Bytes(flagConntrack)},
		netfilter.Attribute{Type: cfgFlag, Data: netfilter.Uint32Bytes(flagConntrack)})
	switch {
	case err == nil, errors.Is(err, syscall.EAGAIN):
		return Verdict{State: OK}
	case errors.Is(err, syscall.EOPNOTSUPP):
		return Verdict{Absent, "nfnetlink_queue is there, and conntrack gives it no hook"}
	case errors.Is(err, syscall.EINVAL):
		return Verdict{Absent, "there is no nfnetlink_queue"}
	}
	return failed(err)
}

// flowtables looks for the timeouts of offloaded flows.
func flowtables(l *lab) Verdict {
	if module.Lookup("nf_flow_table").State.Present() {
		return Verdict{State: OK}
	}
	if _, err := l.sysctl.Get("net.netfilter.nf_flowtable_tcp_timeout"); err != nil {
		return Verdict{Absent, "there is no sysctl nf_flowtable_tcp_timeout"}
	}
	return Verdict{State: OK}
}

// security reads the label of this process: without a security module that
// has labels, no flow can carry one.
func security(*lab) Verdict {
	label, err := os.ReadFile("/proc/thread-self/attr/current")
	if err != nil || len(label) == 0 {
		return Verdict{Absent, "no security module labels anything"}
	}
	return Verdict{OK, "flows carry a context where a rule sets one"}
}
