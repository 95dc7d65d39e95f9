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

// Files where names are looked for, as other programs do.
const (
	servicesFile = "/etc/services"
	labelsFile   = "/etc/xtables/connlabel.conf"
)

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

var (
	services = sync.OnceValue(func() table {
		t := load(servicesFile, readServices)
		if len(t.names) == 0 {
			t = readServices(strings.NewReader(common))
		}
		return t
	})
	labels = sync.OnceValue(func() table { return load(labelsFile, readLabels) })
)

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

// Label returns the bit of a label.
func Label(name string) (bit int, ok bool) {
	bit, ok = labels().byName[strings.ToLower(name)]
	return bit, ok
}

// LabelName returns the name of a label by its bit.
func LabelName(bit int) (name string, ok bool) {
	name, ok = labels().byNumber[bit]
	return name, ok
}

// Labels lists the names of labels in order.
func Labels() []string { return labels().names }

// load reads a file. One that is not there has no names.
func load(path string, read func(io.Reader) table) table {
	f, err := os.Open(path)
	if err != nil {
		return table{}
	}
	defer f.Close()
	return read(f)
}

// readServices reads lines such as "domain 53/udp dns # a comment".
func readServices(r io.Reader) table {
	return lines(r, func(t *table, words []string) {
		number, _, _ := strings.Cut(words[1], "/")
		if n, err := strconv.ParseUint(number, 10, 16); err == nil {
			t.add(words[0], int(n))
			for _, alias := range words[2:] {
				t.add(alias, int(n))
			}
		}
	})
}

// readLabels reads lines such as "3 web".
func readLabels(r io.Reader) table {
	return lines(r, func(t *table, words []string) {
		if n, err := strconv.ParseUint(words[0], 10, 7); err == nil {
			t.add(words[1], int(n))
		}
	})
}

func lines(r io.Reader, line func(t *table, words []string)) table {
	t := table{byName: map[string]int{}, byNumber: map[int]string{}}
	for in := bufio.NewScanner(r); in.Scan(); {
		text, _, _ := strings.Cut(in.Text(), "#")
		if words := strings.Fields(text); len(words) >= 2 {
			line(&t, words)
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
