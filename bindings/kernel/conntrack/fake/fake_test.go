package fake_test

import (
	"strconv"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/conformance"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.World {
		k := fake.New(fake.Options{})
		t.Cleanup(func() { _ = k.Close() })
		from := wire.Tuple{Src: wire.Addr{10: 0xff, 11: 0xff, 12: 127, 15: 1}, Dst: wire.Addr{10: 0xff, 11: 0xff, 12: 127, 15: 1},
			SrcPort: 40000, DstPort: 9, Family: wire.FamilyIPv4, Proto: wire.ProtoUDP}
		pass := func(p fake.Packet) {
			p.Bytes = 60
			if !k.Packet(p) {
				t.Fatalf("%+v was not tracked", p)
			}
		}
		return conformance.World{
			Transport: k,
			Kernel:    k.Client(),
			Sysctl: func(key, value string) {
				n, err := strconv.Atoi(value)
				if err != nil {
					t.Fatal(err)
				}
				k.Configure(func(s *fake.Sysctls) {
					switch key {
					case "nf_conntrack_acct":
						s.Acct = n != 0
					case "nf_conntrack_timestamp":
						s.Timestamp = n != 0
					case "nf_conntrack_events":
						s.Events = n
					default:
						t.Fatalf("the fake has no %s", key)
					}
				})
			},
			LabelRule: func() { k.SetLabelRule(true) },
			AttachPolicy: func(policy string) {
				if !k.UsePolicy(policy, 1) {
					t.Fatalf("no policy %s", policy)
				}
			},
			Pass: k.Advance,
			UDP: func(answer bool) wire.Tuple {
				pass(fake.Packet{Tuple: from})
				if answer {
					back, _ := from.Invert()
					pass(fake.Packet{Tuple: back})
				}
				return from
			},
			TCP: func() wire.Tuple {
				t := from
				t.Proto = wire.ProtoTCP
				back, _ := t.Invert()
				for _, p := range []fake.Packet{{Tuple: t, SYN: true}, {Tuple: back, SYN: true, ACK: true}, {Tuple: t, ACK: true},
					{Tuple: t, FIN: true, ACK: true}, {Tuple: back, ACK: true}, {Tuple: back, FIN: true, ACK: true}, {Tuple: t, ACK: true}} {
					pass(p)
				}
				return t
			},
		}
	})
}

var _ conntrack.Transport = (*fake.Kernel)(nil)
