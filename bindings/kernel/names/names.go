package names

import (
	"bufio"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// servicesFile is where names are looked for, as other programs do.
const servicesFile = "/etc/services"

// common are services that are known without a file.
const common = `ssh 22
domain 53
http 80
ntp 123
https 443
`

type table struct {
	byName   map[string]int
	byNumber map[int]string
	names    []string
}

var services = sync.OnceValue(func() table {
	var t table
	if f, err := os.Open(servicesFile); err == nil {
		defer f.Close()
		t = readServices(f)
	}
	if len(t.names) == 0 {
		t = readServices(strings.NewReader(common))
	}
	return t
})

// Service returns the port of a service: "ssh".
func Service(name string) (port uint16, ok bool) {
	n, ok := services().byName[strings.ToLower(name)]
	return uint16(n), ok
}

// ServiceName returns the first name of the service of a port.
func ServiceName(port uint16) (name string, ok bool) {
	name, ok = services().byNumber[int(port)]
	return name, ok
}

// Services lists the names of services in order.
func Services() []string { return services().names }

// readServices reads lines such as "domain 53/udp dns # a comment".
func readServices(r io.Reader) table {
	t := table{byName: map[string]int{}, byNumber: map[int]string{}}
	for in := bufio.NewScanner(r); in.Scan(); {
		text, _, _ := strings.Cut(in.Text(), "#")
		words := strings.Fields(text)
		if len(words) < 2 {
			continue
		}
		number, _, _ := strings.Cut(words[1], "/")
		if n, err := strconv.ParseUint(number, 10, 16); err == nil {
			t.add(words[0], int(n))
			for _, alias := range words[2:] {
				t.add(alias, int(n))
			}
		}
	}
	sort.Strings(t.names)
	return t
}

// add notes a name. The first one of a number, and the first number of a name
// count.
func (t *table) add(name string, n int) {
	name = strings.ToLower(name)
	if _, known := t.byName[name]; known {
		return
	}
	t.byName[name] = n
	t.names = append(t.names, name)
	if _, known := t.byNumber[n]; !known {
		t.byNumber[n] = name
	}
}
