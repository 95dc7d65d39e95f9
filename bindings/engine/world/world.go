package world

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/address"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/ruleset"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// Source makes the worlds of one network namespace. It may be used by several
// goroutines.
type Source struct {
	netns    string
	kernel   conntrack.Kernel
	now      func() time.Time
	timeouts func() (sysctl.Timeouts, error)
	objects  func() ([]ruleset.Timeout, error)
	addrs    func() (address.Set, error)
	last     atomic.Pointer[failures]
}

// Of makes the source of the namespace that k is the kernel of: ns, nil for
// that of the process. now is the clock that the flows' start times go by. It
// takes over neither ns nor k: both must stay open as long as worlds are in
// use.
func Of(ns *netns.NS, k conntrack.Kernel, now func() time.Time) *Source {
	s := &Source{
		kernel:   k,
		now:      now,
		timeouts: sysctl.Open(ns).Timeouts,
		objects:  func() ([]ruleset.Timeout, error) { return ruleset.Timeouts(ns) },
		addrs:    func() (address.Set, error) { return address.List(ns) },
	}
	if ns != nil {
		s.netns = ns.String()
	}
	return s
}

// Look makes the world of one reading of the table, with the time of now. The
// timeouts and the addresses are those of the moment when the first flow asks
// for them. Where the timeouts cannot be read all of them are unknown, where the
// addresses cannot it is unknown of every address whether it is local, and
// [Source.Err] says why.
func (s *Source) Look() *field.World {
	failed := &failures{}
	s.last.Store(failed)
	settings := sync.OnceValue(func() *settings {
		got, err := s.settings()
		failed.add("read the timeouts", err)
		return got
	})
	addrs := sync.OnceValues(func() (address.Set, bool) {
		set, err := s.addrs()
		failed.add("read the local addresses", err)
		return set, err == nil
	})
	return &field.World{
		Now:   uint64(s.now().UnixNano()),
		Netns: s.netns,
		Timeout: func(f *wire.Flow) (uint32, bool) {
			got := settings()
			if got == nil {
				return 0, false
			}
			return got.full(f)
		},
		Local: func(a wire.Addr) (local, known bool) {
			set, known := addrs()
			return known && set.Has(a), known
		},
	}
}

// Err tells what the latest world could not read so far, nil where all that
// was asked for was read. To know about a whole reading, ask after it.
func (s *Source) Err() error {
	failed := s.last.Load()
	if failed == nil {
		return nil
	}
	return failed.join()
}

// settings reads what decides about timeouts, nil where it cannot.
func (s *Source) settings() (*settings, error) {
	sys, err := s.timeouts()
	if err != nil {
		return nil, err
	}
	policies, second, err := s.policies()
	if err != nil {
		return nil, err
	}
	objects, err := s.objects()
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		policies = append(policies, wire.Timeout{Family: o.Family, Proto: o.Proto})
	}
	return newSettings(&sys, policies, second), nil
}

// policies reads what nfnetlink_cttimeout tells: the policies and the timeout
// of SYN_SENT2.
func (s *Source) policies() (list []wire.Timeout, second uint32, err error) {
	// The answer of the kernel is there when the request has been sent, and the
	// client does not wait for ever: there is nothing to cancel.
	ctx := context.Background()
	list, err = s.kernel.Timeouts(ctx)
	var missing *conntrack.NotSupportedError
	if errors.As(err, &missing) {
		return nil, synSent2, nil
	}
	if err != nil {
		return nil, 0, err
	}
	// A kernel before 4.13 has policies and does not answer this: then the
	// timeout of SYN_SENT2 stays unknown.
	var tcp wire.Timeout
	if ok, err := s.kernel.GetTimeout(ctx, wire.TimeoutDefaultGet{Family: wire.FamilyIPv4, Proto: wire.ProtoTCP}, &tcp); err == nil && ok {
		second, _ = tcp.Get("syn_sent2")
	}
	return list, second, nil
}

// failures are what one world could not read.
type failures struct {
	mu   sync.Mutex
	list []error
}

func (f *failures) add(what string, err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, fmt.Errorf("%s: %w", what, err))
}

func (f *failures) join() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.list...)
}
