package names

import (
	"slices"
	"strings"
	"testing"
)

func TestServices(t *testing.T) {
	got := readServices(strings.NewReader("# list\nssh 22/tcp\ndomain 53/tcp\ndomain 53/udp dns # name\nbad x/tcp\nlarge 70000/tcp\nhttp\t80/tcp www\n\n"))
	if !slices.Equal(got.names, []string{"dns", "domain", "http", "ssh", "www"}) || got.byName["www"] != 80 || got.byNumber[53] != "domain" {
		t.Errorf("%+v", got)
	}
	if p, ok := Service("HTTPS"); !ok || p != 443 {
		t.Errorf("https is %d %v", p, ok)
	}
	if name, ok := ServiceName(22); !ok || name != "ssh" || !slices.Contains(Services(), "ssh") {
		t.Errorf("22 is %q", name)
	}
	if _, ok := Service("no-such-service"); ok {
		t.Error("a service that there is not")
	}
}
