package sysctl

import (
	"errors"
	"io/fs"
	"time"
)

// Timeouts are the configured timeouts of one namespace. 0 stands for one that
// this kernel does not let us know.
type Timeouts struct {
	Generic, ICMP, ICMPv6 time.Duration
	UDP, UDPStream        time.Duration
	GRE, GREStream        time.Duration

	// TCP is by the kernel's number of the state, SYN_SENT 1 to SYN_SENT2 9.
	// SYN_SENT2 has no sysctl: it is 0 here, as is NONE.
	TCP [10]time.Duration
	// In any TCP state these two count instead where they are shorter, after
	// too many retransmissions and while data is not acknowledged.
	TCPMaxRetrans, TCPUnacknowledged time.Duration

	// SCTP is by the kernel's number of the state, CLOSED 1 to HEARTBEAT_SENT 8.
	SCTP [9]time.Duration
}

// Timeouts reads all timeouts in one visit of the namespace. Keys that this
// kernel lacks are no error.
func (t *Table) Timeouts() (Timeouts, error) {
	var out Timeouts
	into := map[string]*time.Duration{
		"generic_timeout": &out.Generic, "icmp_timeout": &out.ICMP, "icmpv6_timeout": &out.ICMPv6,
		"udp_timeout": &out.UDP, "udp_timeout_stream": &out.UDPStream,
		"gre_timeout": &out.GRE, "gre_timeout_stream": &out.GREStream,
		"tcp_timeout_max_retrans": &out.TCPMaxRetrans, "tcp_timeout_unacknowledged": &out.TCPUnacknowledged,
	}
	for i, state := range tcpStates {
		into["tcp_timeout_"+state] = &out.TCP[i+1]
	}
	for i, state := range sctpStates {
		into["sctp_timeout_"+state] = &out.SCTP[i+1]
	}
	err := t.do(func() error {
		for _, k := range keys {
			field := into[k.Alias]
			if field == nil {
				continue
			}
			v, err := t.read(k)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			*field = time.Duration(v) * time.Second
		}
		return nil
	})
	return out, err
}

// The states that have a sysctl, in the kernel's order from 1 on
// (nf_conntrack_tcp.h, nf_conntrack_sctp.h).
var (
	tcpStates  = []string{"syn_sent", "syn_recv", "established", "fin_wait", "close_wait", "last_ack", "time_wait", "close"}
	sctpStates = []string{"closed", "cookie_wait", "cookie_echoed", "established", "shutdown_sent", "shutdown_recd", "shutdown_ack_sent", "heartbeat_sent"}
)

// Of returns the timeout that a flow of the protocol gets when a packet of it
// has just passed: state is the kernel's number of the TCP or SCTP state,
// stream whether a UDP flow is assured or a GRE flow was replied to. It is
// false where the configuration does not tell.
func (t *Timeouts) Of(proto, state uint8, stream bool) (time.Duration, bool) {
	d := t.Generic
	switch proto {
	case 1:
		d = t.ICMP
	case 58:
		d = t.ICMPv6
	case 17, 136:
		d = pick(stream, t.UDPStream, t.UDP)
	case 47:
		d = pick(stream, t.GREStream, t.GRE)
	case 6:
		d = 0
		if int(state) < len(t.TCP) {
			d = t.TCP[state]
		}
	case 132:
		d = 0
		if int(state) < len(t.SCTP) {
			d = t.SCTP[state]
		}
	case 33:
		d = 0 // DCCP has timeouts of its own, or is not tracked at all
	}
	return d, d > 0
}

func pick(stream bool, yes, no time.Duration) time.Duration {
	if stream {
		return yes
	}
	return no
}
