package fake_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// FuzzRequest sends bytes of any kind: the kernel must survive them, and what
// it answers must be whole messages.
func FuzzRequest(f *testing.F) {
	master := create(1, 100)
	master.Entry.Helper, master.Entry.Present = "sip", master.Entry.Present|wire.HasHelper
	master.SrcNAT = &wire.NAT{Min: flow(7).Src, Max: flow(9).Src, MinPort: 5, MaxPort: 9}
	one := flow(1)
	back, _ := one.Invert()
	mark := wire.Masked32{Value: 1, Mask: 1}
	for _, req := range []wire.Request{master, &wire.Update{Key: wire.Key{Tuple: flow(1)}, Mark: &mark, Labels: &wire.Labels{1}},
		wire.Get{Key: wire.Key{Tuple: flow(1)}}, &wire.Dump{Filter: wire.Filter{Family: 2, Mark: &mark}}, &wire.Flush{All: true},
		&wire.ExpectCreate{Expect: wire.Expect{Tuple: back, Mask: back, Master: flow(1)}}, wire.ExpectDump{},
		wire.StatsDump{}, wire.Count{}, wire.TimeoutList{}, wire.TimeoutDefaultGet{Family: 2, Proto: 6}} {
		b, err := req.Append(nil, 1, wire.FlagAck)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k := fake.New(fake.Options{LabelRule: true, FullErrors: true})
		s, err := k.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		first, err := master.Append(nil, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, msg := range [][]byte{first, b} {
			if err := s.Send(msg); err != nil {
				return
			}
		}
		buf := make([]byte, 256<<10)
		_ = s.SetDeadline(time.Unix(1, 0))
		for {
			n, err := s.Receive(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			if err != nil {
				continue // an overrun
			}
			for rest := buf[:n]; len(rest) > 0; {
				_, next, ok := wire.Next(rest)
				if !ok {
					t.Fatalf("malformed answer % x", rest)
				}
				rest = next
			}
		}
	})
}
