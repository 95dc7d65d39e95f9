package probe

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/ctsh/ctsh/bindings/kernel/module"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// State is how a feature is there.
type State uint8

// The states. Only OK is something to rely on.
const (
	Unknown State = iota // could not be tried
	OK                   // works as it should
	Broken               // answers, and wrongly
	Absent               // this kernel has it not
)

var stateNames = [...]string{Unknown: "unknown", OK: "ok", Broken: "broken", Absent: "absent"}

// String is the state in one word.
func (s State) String() string { return stateNames[s] }

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *State) UnmarshalText(text []byte) error {
	i := slices.Index(stateNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no state of a feature", text)
	}
	*s = State(i)
	return nil
}

// Verdict is what a probe found.
type Verdict struct {
	State  State  `json:"state"`
	Detail string `json:"detail,omitempty"` // the defect, the reason, or what was found
}

// Feature is something a kernel may be able to do.
type Feature struct {
	ID    string // "filter-mark"
	Group string // heading to list it under
	Name  string // "dump filter: mark and mask"
	Since string // the release it came with as the kernel's history has it, "" for always
	Needs string // what brings it, "CONFIG_NF_CT_NETLINK_TIMEOUT"; "" for nothing of its own
	// Without says what ctsh does where it is missing or broken.
	Without string

	module string // not tried unless its code runs
	try    func(*lab) Verdict

	once    sync.Once
	verdict Verdict
}

// Verdict tries the feature, the first time it is asked for.
func (f *Feature) Verdict() Verdict {
	f.once.Do(func() { f.verdict = f.run() })
	return f.verdict
}

// OK reports whether the feature can be relied on.
func (f *Feature) OK() bool { return f.Verdict().State == OK }

func (f *Feature) run() Verdict {
	if v, ok := f.recall(); ok {
		return v
	}
	v := f.attempt()
	f.remember(v)
	return v
}

func (f *Feature) attempt() Verdict {
	if f.module != "" {
		switch facts := module.Lookup(f.module); facts.State {
		case module.Absent:
			return Verdict{Absent, facts.Evidence}
		case module.Available:
			return Verdict{Unknown, "module " + f.module + " is there and not loaded; modprobe " + f.module + " loads it"}
		}
	}
	l, err := openLab()
	if err != nil {
		var privilege *netns.PrivilegeError
		if errors.As(err, &privilege) {
			return Verdict{Unknown, "needs " + privilege.Need + " to try it in a namespace of its own"}
		}
		return Verdict{Unknown, err.Error()}
	}
	defer l.close()
	return f.try(l)
}

// Lookup returns the feature with an id. It panics where there is none: ids
// are written in programs, not by users.
func Lookup(id string) *Feature {
	for _, f := range features {
		if f.ID == id {
			return f
		}
	}
	panic(fmt.Sprintf("probe: no feature %q", id))
}

// Features lists all features, in the order to show them.
func Features() []*Feature { return features }

// All tries every feature, several at once: a filtered dump walks the whole
// hash table, however empty the namespace is.
func All() []*Feature {
	var wg sync.WaitGroup
	turn := make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))
	for _, f := range features {
		wg.Go(func() {
			turn <- struct{}{}
			f.Verdict()
			<-turn
		})
	}
	wg.Wait()
	return features
}
