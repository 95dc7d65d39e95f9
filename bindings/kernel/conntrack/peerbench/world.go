package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// world is a namespace with a table.
type world struct {
	ctx     context.Context
	ns      *netns.NS
	kernel  *conntrack.Client
	restore func() error
}

// newWorld makes a namespace with room for so many flows, accounting and time
// stamps on.
func (b *bench) newWorld(flows int) (*world, error) {
	w := &world{ctx: b.ctx, restore: func() error { return nil }}
	if err := w.makeRoom(flows + flows/8); err != nil {
		return nil, err
	}
	ns, err := netns.New()
	if err != nil {
		return nil, errors.Join(err, w.restore())
	}
	w.ns, w.kernel = ns, conntrack.Open(ns)
	settings := sysctl.Open(ns)
	for _, key := range []string{"acct", "timestamp"} {
		if _, err := settings.SetInt(key, 1); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	return w, nil
}

// makeRoom raises the limit of the table, which is one for all namespaces.
func (w *world) makeRoom(flows int) error {
	machine := sysctl.Open(nil)
	for _, key := range []string{"buckets", "max"} {
		old, err := machine.Get(key)
		if err != nil {
			return err
		}
		if old == 0 && key == "max" || old >= int64(flows) {
			continue
		}
		if _, err := machine.SetInt(key, int64(flows)); err != nil {
			if key == "buckets" {
				continue // slower, not impossible
			}
			return fmt.Errorf("the table holds %d flows, %d are wanted (-flows): %w", old, flows, err)
		}
		before := w.restore
		w.restore = func() error { _, err := machine.SetInt(key, old); return errors.Join(err, before()) }
	}
	return nil
}

func (w *world) close() error {
	return errors.Join(w.kernel.Close(), w.ns.Close(), w.restore())
}

// output runs a command in the namespace and returns what it printed.
func (w *world) output(name string, args ...string) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(w.ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := w.ns.Do(cmd.Run); err != nil {
		return nil, fmt.Errorf("%s %v: %w: %s", name, args, err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.Bytes(), nil
}

// silent runs a command whose output goes to /dev/null.
func (w *world) silent(name string, args ...string) error {
	var errs bytes.Buffer
	cmd := exec.CommandContext(w.ctx, name, args...)
	cmd.Stderr = &errs
	if err := w.ns.Do(cmd.Run); err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, bytes.TrimSpace(errs.Bytes()))
	}
	return nil
}

// fill makes the flows from first to last, changed by fn if there is one.
func (w *world) fill(first, last int, change func(i int, c *wire.Create)) error {
	batch, err := w.kernel.Batch(w.ctx, conntrack.BatchOptions{})
	if err != nil {
		return err
	}
	// A batch reads a request again when it is refused, until it is sent.
	var ring [256]wire.Create
	for i := first; i < last; i++ {
		c := &ring[i%len(ring)]
		setFlow(c, i)
		if change != nil {
			change(i, c)
		}
		if err := batch.Add(c); err != nil {
			return err
		}
	}
	res, err := batch.Close()
	if err == nil && res.Applied != last-first {
		err = fmt.Errorf("%d of %d flows were made: %w", res.Applied, last-first, errors.Join(asErrors(res.Errors[:min(3, len(res.Errors))])...))
	}
	return err
}

// flush empties the table.
func (w *world) flush() error { return w.kernel.Do(w.ctx, &wire.Flush{All: true}) }

// newFlow is the i-th flow of a mixed table.
func newFlow(i int) *wire.Create {
	c := &wire.Create{}
	setFlow(c, i)
	return c
}

// setFlow makes c the i-th flow of a mixed table: of ten, seven are TCP
// connections (one of them IPv6), two are UDP and one is ICMP.
func setFlow(c *wire.Create, i int) {
	*c = wire.Create{}
	e := &c.Entry
	e.Timeout, e.Present = 3600, wire.HasTimeout|wire.HasReply|wire.HasStatus
	e.Status = wire.StatusConfirmed | wire.StatusSeenReply | wire.StatusAssured
	t := &e.Orig
	t.Family, t.Proto = wire.FamilyIPv4, wire.ProtoTCP
	t.Src = wire.Addr{10: 0xff, 11: 0xff, 12: 10, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}
	t.Dst = wire.Addr{10: 0xff, 11: 0xff, 12: 192, 13: 168, 14: byte(i % 250), 15: 1}
	t.SrcPort, t.DstPort = uint16(1024+i%60000), 443
	switch i % 10 {
	case 0:
		t.Family = wire.FamilyIPv6
		t.Src = wire.Addr{0: 0xfd, 12: 10, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}
		t.Dst = wire.Addr{0: 0xfd, 1: 1, 15: byte(i % 250)}
	case 1, 2:
		t.Proto, t.DstPort = wire.ProtoUDP, 53
		e.Status = wire.StatusConfirmed
	case 3:
		t.Proto = wire.ProtoICMP
		t.SetICMP(8, 0, uint16(i))
		e.Status = wire.StatusConfirmed
	}
	if t.Proto == wire.ProtoTCP {
		e.State, e.Present = 3, e.Present|wire.HasState // established
	}
	if i%3 == 0 {
		e.Mark, e.Present = uint32(1+i%7), e.Present|wire.HasMark
	}
	e.Reply, _ = t.Invert()
}

// build compiles the command that is measured as `make build` does, into a
// folder of its own.
func (b *bench) build() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "peerbench")
	if err != nil {
		return nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	b.ctsh = dir + "/ctsh"
	if err := os.Setenv("XDG_STATE_HOME", dir+"/state"); err != nil { // for the journals
		return nil, err
	}
	cmd := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-o", b.ctsh, "github.com/ctsh/ctsh/cmd/ctsh")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		remove()
		return nil, fmt.Errorf("go build: %w: %s", err, out)
	}
	return remove, nil
}

func asErrors(list []*conntrack.Error) []error {
	out := make([]error, len(list))
	for i, e := range list {
		out[i] = e
	}
	return out
}
