package ruleset

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// Timeout says that a "ct timeout" object exists which rules can attach to the
// flows of a family and protocol.
type Timeout struct {
	Family uint8 // wire.FamilyIPv4 or wire.FamilyIPv6
	Proto  uint8 // by its number in the IP header
}

// ErrBusy says that the rules changed each time they were read.
var ErrBusy = errors.New("the rules of nftables change all the time; try again")

// tries is how often a list is read that changes meanwhile. A list of up to
// about 200 objects comes in one piece, so a change has to fall between two
// system calls.
const tries = 20

// op names what fails in errors.
const op = "list the ct timeouts of nftables"

// Timeouts lists for which flows the tables of a namespace hold "ct timeout"
// objects, nil for the namespace of the process. The list is sorted by family,
// IPv4 first, and protocol, and names each pair once. A kernel without
// nf_tables has none.
//
// It needs CAP_NET_ADMIN there; without it the error is a
// [*conntrack.PrivilegeError]. Other errors are a [*conntrack.Error] for a
// refusal, or a [*conntrack.OpError], which holds [ErrBusy] where the rules do
// not stand still.
func Timeouts(ns *netns.NS) ([]Timeout, error) {
	s, err := dial(ns)
	if err != nil {
		return nil, err
	}
	defer s.close()
	for range tries {
		found := &found{}
		if err := s.dump(found); err != nil {
			return nil, s.explain(err)
		}
		if !found.changed {
			return found.list(), nil
		}
	}
	return nil, &conntrack.OpError{Op: op, Err: ErrBusy}
}

// found is what an answer told so far. Its size does not depend on how many
// objects there are.
type found struct {
	pairs   [2][256]bool // by family, IPv4 first, and protocol
	changed bool         // the rules changed between two pieces of the answer
}

var families = [2]uint8{wire.FamilyIPv4, wire.FamilyIPv6}

// add notes an object for proto in a table of a family of netfilter.
//
// The object's own layer 3 protocol does not count: nftables holds only the
// layer 4 protocol against the packet (nft_ct.c, nft_ct_timeout_obj_eval), so
// that one for IPv4 in a table of inet is attached to flows of IPv6 too. Which
// packets meet the object is decided by the family of its table.
func (f *found) add(table, proto uint8) {
	if table != unix.NFPROTO_IPV6 {
		f.pairs[0][proto] = true
	}
	if table != unix.NFPROTO_IPV4 {
		f.pairs[1][proto] = true
	}
}

func (f *found) list() []Timeout {
	var list []Timeout
	for i := range f.pairs {
		for proto, there := range f.pairs[i] {
			if there {
				list = append(list, Timeout{Family: families[i], Proto: uint8(proto)})
			}
		}
	}
	return list
}
