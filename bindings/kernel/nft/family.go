package nft

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// Family is the family of a table, by its number in netfilter. The zero Family
// stands for any of them.
type Family uint8

// Families of tables.
const (
	Inet   Family = unix.NFPROTO_INET
	IPv4   Family = unix.NFPROTO_IPV4
	ARP    Family = unix.NFPROTO_ARP
	Netdev Family = unix.NFPROTO_NETDEV
	Bridge Family = unix.NFPROTO_BRIDGE
	IPv6   Family = unix.NFPROTO_IPV6
)

var familyNames = map[Family]string{Inet: "inet", IPv4: "ip", ARP: "arp", Netdev: "netdev", Bridge: "bridge", IPv6: "ip6"}

// String is what nft calls the family, "" for the zero one.
func (f Family) String() string { return familyNames[f] }

// parseFamily reads what nft calls a family.
func parseFamily(word string) (Family, bool) {
	for f, name := range familyNames {
		if name == word {
			return f, true
		}
	}
	return 0, false
}

// Name names a set: "inet filter synflood". Family is zero where it was left
// out.
type Name struct {
	Family     Family
	Table, Set string
}

// String is the name as nft writes it.
func (n Name) String() string {
	if n.Family == 0 {
		return n.Table + " " + n.Set
	}
	return n.Family.String() + " " + n.Table + " " + n.Set
}

// ParseName reads "FAMILY TABLE SET" or "TABLE SET". The error is a
// [*NameError].
func ParseName(text string) (Name, error) {
	words := strings.Fields(text)
	bad := func(format string, args ...any) (Name, error) {
		return Name{}, &NameError{Name: text, Reason: fmt.Sprintf(format, args...)}
	}
	var n Name
	switch len(words) {
	case 2:
		if f, ok := parseFamily(words[0]); ok {
			return bad("%s is a family; the table or the set is missing", f)
		}
		n = Name{Table: words[0], Set: words[1]}
	case 3:
		f, ok := parseFamily(words[0])
		if !ok {
			var names []string
			for _, name := range familyNames {
				names = append(names, name)
			}
			return bad("unknown family %q%s", words[0], suggest.Hint(words[0], names))
		}
		n = Name{f, words[1], words[2]}
	default:
		return bad(`want family, table and set, such as "inet filter synflood"`)
	}
	for _, word := range []string{n.Table, n.Set} {
		switch {
		case len(word) >= unix.NFT_NAME_MAXLEN:
			return bad("a name is longer than %d bytes", unix.NFT_NAME_MAXLEN-1)
		case strings.IndexByte(word, 0) >= 0:
			return bad("it contains a NUL byte")
		}
	}
	return n, nil
}
