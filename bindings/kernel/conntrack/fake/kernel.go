package fake

import (
	"sync"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Options describe the kernel to make. The zero value is a kernel of its
// default configuration, driven by root, in which some rule tracks.
type Options struct {
	Name      string    // the namespace in messages, "the fake kernel" when ""
	Start     time.Time // what the clock shows at first, 2026-01-01 UTC when zero
	CPUs      int       // rows of per-CPU statistics, 2 when 0
	LabelRule bool      // some rule uses labels: new flows can be labelled
	// Without removes parts of the kernel: requests to them are EINVAL.
	WithoutConntrack, WithoutTimeouts bool
	// Unprivileged makes every request EPERM, as without CAP_NET_ADMIN.
	Unprivileged bool
	// FullErrors makes refusals echo the whole request, as on a socket
	// without NETLINK_CAP_ACK.
	FullErrors bool
}

// Sysctls are the knobs of net.netfilter that the fake has.
type Sysctls struct {
	Acct      bool
	Timestamp bool
	Events    int // 0 off, 1 on, 2 only for flows born while somebody listens
	Max       int // limit of the table
	ExpectMax int
	Buckets   int // size of the hash table; changing it moves every flow
	TCPLoose  bool
	Timeouts  Timeouts
}

// Kernel is the kernel: one network namespace, and a [conntrack.Transport] to
// it. Its methods may be called from several goroutines.
type Kernel struct {
	mu       sync.Mutex
	opt      Options
	now      time.Time
	sys      Sysctls
	table    table
	expects  []*expect // oldest first
	policies []*timeoutPolicy
	stats    stats
	dying    []*flow
	ears     []*ear
	sockets  map[*socket]struct{}
	nextPort uint32
	faults   faults
	closed   bool
}

// stats are the counters of GET_STATS_CPU.
type stats struct {
	found, invalid, insert, insertFailed, drop, earlyDrop uint32
	expNew, expCreate, expDelete                          uint32
}

var _ conntrack.Transport = (*Kernel)(nil)

// New returns a kernel with an empty table.
func New(opt Options) *Kernel {
	if opt.Name == "" {
		opt.Name = "the fake kernel"
	}
	if opt.Start.IsZero() {
		opt.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if opt.CPUs == 0 {
		opt.CPUs = 2
	}
	k := &Kernel{opt: opt, now: opt.Start, sockets: map[*socket]struct{}{}, nextPort: 1000}
	k.sys = Sysctls{Events: 2, Max: 262144, ExpectMax: 4096, Buckets: 4096, TCPLoose: true, Timeouts: defaultTimeouts()}
	k.table = newTable(k.sys.Buckets)
	return k
}

// Client returns a new client of the kernel. Its Close closes its own sockets
// and leaves the kernel to others.
func (k *Kernel) Client() *conntrack.Client { return conntrack.NewClient(shared{k}) }

// shared is a transport whose Close leaves the kernel alone.
type shared struct{ *Kernel }

func (shared) Close() error { return nil }

// Name implements conntrack.Transport.
func (k *Kernel) Name() string { return k.opt.Name }

// Close implements conntrack.Transport: it closes every socket.
func (k *Kernel) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	k.closeSockets()
	return nil
}

func (k *Kernel) closeSockets() {
	for s := range k.sockets {
		s.shut()
	}
	for _, e := range k.ears {
		e.shut()
	}
	clear(k.sockets)
	k.ears = nil
	k.redeliver()
}

// Now is what the clock shows.
func (k *Kernel) Now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

// Advance moves the clock. Flows and expectations whose time runs out go in
// the order of their ends, each with its event at its time.
func (k *Kernel) Advance(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	end := k.now.Add(d)
	for {
		f, x := k.nextEnd(end)
		switch {
		case f == nil && x == nil:
			k.now = end
			k.redeliver()
			return
		case f != nil:
			k.now = later(k.now, f.expires)
			k.remove(f, origin{})
		default:
			k.now = later(k.now, x.expires)
			k.removeExpect(x, origin{})
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// nextEnd finds what ends first, at end or before.
func (k *Kernel) nextEnd(end time.Time) (f *flow, x *expect) {
	first := end
	for _, c := range k.table.all() {
		if !c.expires.After(first) && (f == nil || c.expires.Before(first)) {
			f, first = c, c.expires
		}
	}
	for _, c := range k.expects {
		if !c.expires.After(first) && (f == nil && x == nil || c.expires.Before(first)) {
			f, x, first = nil, c, c.expires
		}
	}
	return f, x
}

// Configure changes sysctls. What they decide about a flow is decided at its
// creation, except for Max and the timeouts.
func (k *Kernel) Configure(change func(*Sysctls)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.configure(change)
}

func (k *Kernel) configure(change func(*Sysctls)) {
	change(&k.sys)
	k.sys.Buckets = max(k.sys.Buckets, 1)
	if k.sys.Buckets != len(k.table.buckets) {
		k.table.resize(k.sys.Buckets)
	}
}

// Sysctls returns the sysctls as they are.
func (k *Kernel) Sysctls() (s Sysctls) {
	k.Configure(func(now *Sysctls) { s = *now; s.Timeouts = now.Timeouts.clone() })
	return s
}

// SetLabelRule says whether some rule uses labels. Flows made without one
// have no room for labels for life.
func (k *Kernel) SetLabelRule(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.opt.LabelRule = on
}

// Flows returns what is in the table, dying flows left out, in no order.
func (k *Kernel) Flows() []wire.Entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []wire.Entry
	for _, f := range k.table.all() {
		e := f.e
		e.Timeout = f.left(k.now)
		list = append(list, e)
	}
	return list
}
