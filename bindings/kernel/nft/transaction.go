package nft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// BatchSize is how many elements one transaction changes at most. What is sent
// at once must fit the buffer that the kernel lends a socket, 208 KiB by
// default (netlink_sendmsg, EMSGSIZE), also where each element is deleted and
// added with a long comment and counters.
const BatchSize = 256

// listSize is from where on a message gets no more elements: the length of a
// list must fit 16 bits. An element with its data takes less than the rest.
const listSize = 32 << 10

// transaction is a list of messages that the kernel takes all or none of
// (net/netfilter/nfnetlink.c, nfnetlink_rcv_batch).
type transaction struct {
	*socket
	set   *Set
	gen   uint32 // the rules that it is for
	begin uint32 // number of the first message
	items []item // where elements lie
}

// item is the place of an element in a message.
type item struct {
	seq      uint32
	from, to int
	element  Element
}

// lostError says that a transaction was sent and no answer came.
type lostError struct{ err error }

func (e *lostError) Error() string {
	return fmt.Sprintf("the answer was lost, and whether it was done is unknown: %v; look at the set", e.err)
}

func (e *lostError) Unwrap() error { return e.err }

// transact begins a transaction that is for one generation of the rules: for
// another one the kernel refuses it with ERESTART.
func (s *Set) transact(ctx context.Context, gen uint32) (*transaction, error) {
	sock, err := s.client.dial(ctx)
	if err != nil {
		return nil, err
	}
	seq, at := sock.message(unix.NFNL_MSG_BATCH_BEGIN, 0, 0, unix.NFNL_SUBSYS_NFTABLES)
	sock.out = appendUint32(sock.out, unix.NFNL_BATCH_GENID, gen)
	sock.end(at)
	return &transaction{socket: sock, set: s, gen: gen, begin: seq}, nil
}

// elements appends messages of a kind about n elements. one appends one of
// them to a list, and tells which it is.
func (t *transaction) elements(kind, flags uint16, n int, one func(i int, b []byte) ([]byte, Element)) {
	for i := 0; i < n; {
		seq, at := t.message(messageType(kind), flags, t.set.Family, 0)
		t.out = t.set.appendName(t.out)
		var nest int
		t.out, nest = openNest(t.out, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
		for ; i < n && len(t.out)-nest < listSize; i++ {
			it := item{seq: seq, from: len(t.out) - at}
			t.out, it.element = one(i, t.out)
			it.to = len(t.out) - at
			t.items = append(t.items, it)
		}
		closeNest(t.out, nest)
		t.end(at)
	}
}

// put appends entries that are to be added.
func (t *transaction) put(entries []Entry) {
	t.elements(unix.NFT_MSG_NEWSETELEM, wire.FlagCreate, len(entries), func(i int, b []byte) ([]byte, Element) {
		return entries[i].append(b), entries[i].Element
	})
}

// remove appends elements that are to be deleted.
func (t *transaction) remove(es []Element) {
	t.elements(unix.NFT_MSG_DELSETELEM, 0, len(es), func(i int, b []byte) ([]byte, Element) {
		return es[i].append(b, nil), es[i]
	})
}

// commit sends the transaction and waits until it is done. The error is a
// refusal where the kernel did nothing of it, with the element that it is
// about, zero where that is not known; and a lostError where it may have.
func (t *transaction) commit() (about Element, err error) {
	// Kernels answer for the end of a batch only since 6.10: the last message
	// in it asks for the answer.
	last := t.seq
	t.acknowledge()
	_, at := t.message(unix.NFNL_MSG_BATCH_END, 0, 0, unix.NFNL_SUBSYS_NFTABLES)
	t.end(at)
	if err := t.send(); err != nil {
		return Element{}, err
	}
	var first *refusal
	var of uint32
	for {
		b, err := t.receive()
		if err != nil {
			return Element{}, &lostError{err}
		}
		for len(b) > 0 {
			var a answer
			if a, b, err = readAnswer(b); err != nil {
				return Element{}, &lostError{err}
			}
			if a.bad != nil && first == nil {
				first, of = a.bad, a.seq
			}
			// What is said of the beginning is said of all, and nothing follows.
			if a.seq == last && a.last || a.seq == t.begin && a.bad != nil {
				// Of what is left, such as more that was refused, the numbers
				// do not come again.
				t.settled = true
				if first == nil {
					t.set.moved(t.gen)
					return Element{}, nil
				}
				return t.at(of, first.at), *first
			}
		}
	}
}

// acknowledge asks for an answer to the last message.
func (t *transaction) acknowledge() {
	at := 0
	for next := 0; next < len(t.out); {
		at, next = next, next+int(binary.NativeEndian.Uint32(t.out[next:]))
	}
	flags := binary.NativeEndian.Uint16(t.out[at+6:])
	binary.NativeEndian.PutUint16(t.out[at+6:], flags|wire.FlagAck)
}

// at is the element at an offset of a message, the zero one for none.
func (t *transaction) at(seq uint32, offset int) Element {
	for _, it := range t.items {
		if it.seq == seq && it.from <= offset && offset < it.to {
			return it.element
		}
	}
	return Element{}
}

// refusedFor tells whether the kernel refused a transaction for one of these
// reasons, and did nothing.
func refusedFor(err error, reasons ...unix.Errno) bool {
	var no refusal
	if !errors.As(err, &no) {
		return false
	}
	for _, r := range reasons {
		if no.errno == r {
			return true
		}
	}
	return false
}
