package wire

import "testing"

// seeds are messages of each kind, whole and cut.
func seeds(f *testing.F) {
	c := Create{Entry: Entry{Flow: Flow{Orig: goodTuple, Timeout: 5, Present: HasTimeout | HasTCP | HasState | HasLabels | HasSeqAdj | HasHelper}, Helper: "ftp"}}
	b, err := c.Append(nil, 1, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)-3])
	e := Expect{Tuple: goodTuple, Mask: goodTuple, Master: goodTuple, HasNAT: true, NAT: goodTuple, Helper: "ftp", Fn: "x"}
	f.Add(appendExpect(nil, &e, Header{}))
	p := Timeout{Name: "p", Proto: ProtoTCP, set: 7}
	f.Add(appendTimeout(nil, &p, Header{}))
	f.Add(appendTotals(nil, Totals{1, 2, true}, Header{}))
	f.Add([]byte{})
}

// FuzzView reads arbitrary bytes through every accessor: no panic, and what is
// read of a flow can be named to the kernel again or is refused.
func FuzzView(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var v View
		if v.Reset(b) != nil {
			return
		}
		var e Entry
		v.Entry(&e)
		_ = v.Header()
		_ = v.Zone()
		_, _ = v.State()
		_, _ = v.Use()
		_ = e.Orig.String() + e.Reply.String() + e.Status.String() + e.Flow.Helper.String()
		_ = e.TCP()
		_ = e.VTags()
		if out, ok := v.AppendDelete(nil, 1, 0); ok {
			if h, ok := ReadHeader(out); !ok || int(h.Len) != len(out) {
				t.Fatalf("bad delete % x", out)
			}
		}
		if d, err := NewDelete(e.Key()); err == nil {
			if _, err := d.Append(nil, 1, 0); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = (&Create{Entry: e}).Append(nil, 1, 0)
	})
}

// FuzzMessages reads arbitrary bytes as a datagram and as each other kind.
func FuzzMessages(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		for rest := b; ; {
			msg, next, ok := Next(rest)
			if !ok {
				break
			}
			if n += len(msg); n > len(b) {
				t.Fatal("more than there was")
			}
			_, _ = ReadVerdict(msg)
			rest = next
		}
		var e Expect
		_ = ParseExpect(b, &e)
		_, _ = ParseTimeout(b)
		_, _ = ParseCPUStats(b)
		_, _ = ParseExpectCPUStats(b)
		_, _ = ParseTotals(b)
	})
}
