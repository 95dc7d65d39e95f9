package wire

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawEntry makes an entry with everything that a dump or an event can say.
func drawEntry(t *rapid.T) *Entry {
	e := &drawCreate(t).Entry
	e.Status = Status(rapid.Uint32().Draw(t, "any status"))
	flip := func(has Present) bool {
		if rapid.Bool().Draw(t, "has") {
			e.Present |= has
		}
		return e.Has(has)
	}
	if flip(HasID) {
		e.ID = rapid.Uint32().Draw(t, "id")
	}
	if flip(HasUse) {
		e.Use = rapid.Uint16().Draw(t, "use")
	}
	if flip(HasCounters) {
		e.Counter = [2]Counters{{rapid.Uint64().Draw(t, "packets"), 2}, {3, rapid.Uint64().Draw(t, "bytes")}}
	}
	if flip(HasStart) {
		e.Start = rapid.Uint64().Draw(t, "start")
		if flip(HasStop) {
			e.Stop = rapid.Uint64Min(1).Draw(t, "stop")
		}
	}
	if flip(HasSecCtx) {
		e.SecCtx = rapid.StringMatching(`[a-z_:]*`).Draw(t, "secctx")
	}
	if flip(HasEventTime) {
		e.EventAt = rapid.Uint64().Draw(t, "event")
	}
	if e.Has(HasHelper) && rapid.Bool().Draw(t, "has info") {
		e.HelpInfo = append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "info")...)
		if len(e.HelpInfo) == 0 {
			e.HelpInfo = nil
		}
	}
	for _, p := range []Present{HasStatus, HasTimeout, HasTCP, HasSCTP} {
		if rapid.IntRange(0, 4).Draw(t, "lacks") == 0 && e.Has(p) {
			clearField(e, p)
		}
	}
	if e.Orig.Zone == e.Reply.Zone && rapid.IntRange(0, 9).Draw(t, "lacks reply") == 0 {
		e.Reply, e.Present = Tuple{}, e.Present&^HasReply
	}
	return e
}

// clearField takes a field away.
func clearField(e *Entry, p Present) {
	e.Present &^= p
	switch p {
	case HasStatus:
		e.Status = 0
	case HasTimeout:
		e.Timeout = 0
	case HasTCP, HasSCTP:
		e.info = [8]byte{}
	}
}

func TestMessageReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		before := []byte("before")
		msg := e.AppendMessage(before)
		if string(msg[:len(before)]) != "before" {
			t.Fatal("what stood before was overwritten")
		}
		msg = msg[len(before):]
		h, ok := ReadHeader(msg)
		if !ok || int(h.Len) != len(msg) || h.Type != uint16(SubsysConntrack)<<8|MsgNew || h.Flags != FlagMulti || h.Family != e.Orig.Family {
			t.Fatalf("header %+v of %d bytes", h, len(msg))
		}
		var v View
		if err := v.Reset(msg); err != nil {
			t.Fatal(err)
		}
		var got Entry
		v.Entry(&got)
		if diff := cmp.Diff(*e, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Fatalf("written and read differ (-written +read):\n%s", diff)
		}
	})
}

// A flow that was kept without its entry knows the helper by number only.
func TestMessageOfAFlow(t *testing.T) {
	f := Flow{Orig: goodTuple, Helper: InternHelper([]byte("ftp")), Present: HasHelper}
	var v View
	if err := v.Reset((&Entry{Flow: f}).AppendMessage(nil)); err != nil {
		t.Fatal(err)
	}
	if name, ok := v.Helper(); !ok || string(name) != "ftp" {
		t.Errorf("helper %q %v", name, ok)
	}
	f.Helper = HelperOther
	if err := v.Reset((&Entry{Flow: f}).AppendMessage(nil)); err != nil {
		t.Fatal(err)
	}
	if name, ok := v.Helper(); ok {
		t.Errorf("a helper that is not known has the name %q", name)
	}
}

// What a translation begins with can be said, and its zone is that of the reply.
func TestUntranslated(t *testing.T) {
	c := &Create{SrcNAT: &NAT{Min: goodTuple.Src, Max: goodTuple.Src}}
	c.Entry.Orig, c.Entry.Timeout, c.Entry.Present = goodTuple, 5, HasTimeout
	c.Entry.Reply, _ = goodTuple.Invert()
	c.Entry.Reply.Zone = 7
	for _, base := range []Tuple{{}, {Src: goodTuple.Dst, Dst: goodTuple.Src, SrcPort: 1, DstPort: 2, Zone: 3, Family: goodTuple.Family, Proto: goodTuple.Proto}} {
		want := base
		if want.IsZero() {
			want = c.Entry.Reply
		}
		want.Zone = 7
		c.Untranslated = base
		msg, err := c.Append(nil, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		var v View
		var got Tuple
		if err := v.Reset(msg); err != nil || !v.Tuple(Reply, &got) || got != want {
			t.Errorf("%v: reply %+v, want %+v", err, got, want)
		}
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	var v View
	if err := v.Reset(dumped(b)); err != nil {
		b.Fatal(err)
	}
	var e Entry
	v.Entry(&e)
	buf := e.AppendMessage(nil)
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendMessage(buf[:0])
	}
}
