package plan

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestKept(t *testing.T) {
	ctx := context.Background()
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	fill(t, k, 40)
	sec := uint32(77)
	up, err := Update(selecting(t, k, map[string]any{"mark": 2.0}), Change{Mark: &wire.Masked32{Value: 0x30, Mask: 0xf0}, Timeout: &sec})
	if err != nil {
		t.Fatal(err)
	}
	p := Delete(selecting(t, k, map[string]any{"mark": 1.0})).Plus(up)
	var file bytes.Buffer
	n, err := p.Keep(ctx, &file, Kept{Boot: "b", Namespace: "n"}, Protection{})
	if err != nil || n != 20 {
		t.Fatal(n, err)
	}
	back, head, err := ReadKept(bytes.NewReader(file.Bytes()))
	if err != nil || head.Boot != "b" || head.Namespace != "n" || back.String() != p.String() {
		t.Fatalf("%v %+v\n%s\n%s", err, head, back, p)
	}
	// What matches by now and did not then is not part of it.
	c := &wire.Create{}
	c.Entry.Orig = wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoUDP, SrcPort: 1, DstPort: 2, Src: wire.Addr{10: 255, 11: 255, 12: 9, 15: 1}, Dst: wire.Addr{10: 255, 11: 255, 12: 9, 15: 2}}
	c.Entry.Timeout, c.Entry.Mark, c.Entry.Present = 100, 1, wire.HasTimeout|wire.HasMark
	if err := k.Do(ctx, c); err != nil {
		t.Fatal(err)
	}
	res, err := back.Apply(ctx, k, Options{})
	if err != nil || res.Applied != 20 || count(t, k, map[string]any{"mark": 1.0}) != 1 || count(t, k, map[string]any{"mark": float64(0x32)}) != 10 {
		t.Errorf("%v %v", res, err)
	}
	// Every shorter file and every flipped bit is refused.
	for n := range file.Len() {
		if _, _, err := ReadKept(bytes.NewReader(file.Bytes()[:n])); err == nil {
			t.Fatalf("the first %d of %d bytes were read as a plan", n, file.Len())
		}
		bad := bytes.Clone(file.Bytes())
		bad[n] ^= 1 << (n % 8)
		if _, _, err := ReadKept(bytes.NewReader(bad)); err == nil {
			t.Fatalf("a plan with a flipped bit in byte %d was read", n)
		}
	}
	direct, err := Direct("create", c)
	if err != nil {
		t.Fatal(err)
	}
	var keep *KeepError
	if _, err := direct.Keep(ctx, &file, Kept{}, Protection{}); !errors.As(err, &keep) {
		t.Errorf("a plan that makes flows was kept: %v", err)
	}
}
