package nft

import (
	"strings"
	"testing"
)

// fields makes a layout of names such as "ipv4_addr . inet_service".
func fields(text string, interval bool) *layout {
	var list []Field
	for _, name := range strings.Split(text, " . ") {
		list = append(list, Field{Type: name, Len: lengths[name]})
	}
	return newLayout(list, interval)
}

// setOfType is a set that was never in a kernel.
func setOfType(text string, interval bool) *Set {
	l := fields(text, interval)
	return &Set{Family: Inet, Table: "t", Name: "s", Key: l.fields, Interval: interval, layout: l}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		typ      string
		interval bool
		parts    []string
		want     string // the element as text
		from, to string // its key, the same where to is ""
	}{
		{"ipv4_addr", false, []string{"10.0.0.1"}, "10.0.0.1", "\x0a\x00\x00\x01", ""},
		{"ipv4_addr", false, []string{" 10.0.0.1\n"}, "10.0.0.1", "\x0a\x00\x00\x01", ""},
		{"ipv4_addr", false, []string{"::ffff:10.0.0.1"}, "10.0.0.1", "\x0a\x00\x00\x01", ""},
		{"ipv4_addr", false, []string{"10.0.0.1/32"}, "10.0.0.1", "\x0a\x00\x00\x01", ""},
		{"ipv4_addr", true, []string{"10.0.0.0/8"}, "10.0.0.0/8", "\x0a\x00\x00\x00", "\x0a\xff\xff\xff"},
		{"ipv4_addr", true, []string{"10.0.0.0/9"}, "10.0.0.0/9", "\x0a\x00\x00\x00", "\x0a\x7f\xff\xff"},
		{"ipv4_addr", true, []string{"0.0.0.0/0"}, "0.0.0.0/0", "\x00\x00\x00\x00", "\xff\xff\xff\xff"},
		{"ipv4_addr", true, []string{"10.0.0.1-10.0.0.9"}, "10.0.0.1-10.0.0.9", "\x0a\x00\x00\x01", "\x0a\x00\x00\x09"},
		{"ipv4_addr", true, []string{"10.0.0.0-10.0.0.7"}, "10.0.0.0/29", "\x0a\x00\x00\x00", "\x0a\x00\x00\x07"},
		{"ipv6_addr", false, []string{"FD00::1"}, "fd00::1", "\xfd" + strings.Repeat("\x00", 14) + "\x01", ""},
		{"ipv6_addr", true, []string{"fe80::/10"}, "fe80::/10", "\xfe\x80" + strings.Repeat("\x00", 14), "\xfe\xbf" + strings.Repeat("\xff", 14)},
		{"inet_service", false, []string{"80"}, "80", "\x00\x50", ""},
		{"inet_service", false, []string{"https"}, "443", "\x01\xbb", ""},
		{"inet_service", true, []string{"0-1023"}, "0-1023", "\x00\x00", "\x03\xff"},
		{"inet_service", true, []string{"http-https"}, "80-443", "\x00\x50", "\x01\xbb"},
		{"inet_proto", false, []string{"tcp"}, "tcp", "\x06", ""},
		{"inet_proto", false, []string{"250"}, "250", "\xfa", ""},
		{"mark", true, []string{"0x10-0x2f"}, "0x10-0x2f", "\x00\x00\x00\x10", "\x00\x00\x00\x2f"},
		{"ifname", false, []string{"eth0"}, "eth0", "eth0" + strings.Repeat("\x00", 12), ""},
		{"ifname", true, []string{"wg*"}, "wg*", "wg" + strings.Repeat("\x00", 14), "wg" + strings.Repeat("\xff", 14)},
		{"ipv4_addr . inet_service", false, []string{"10.0.0.1 . 80"}, "10.0.0.1 . 80", "\x0a\x00\x00\x01\x00\x50\x00\x00", ""},
		{"ipv4_addr . inet_service", false, []string{"10.0.0.1", "http"}, "10.0.0.1 . 80", "\x0a\x00\x00\x01\x00\x50\x00\x00", ""},
		{"ipv4_addr . inet_service", true, []string{"10.0.0.0/31  .  80-81"}, "10.0.0.0/31 . 80-81", "\x0a\x00\x00\x00\x00\x50\x00\x00", "\x0a\x00\x00\x01\x00\x51\x00\x00"},
		{"inet_proto . inet_service", false, []string{"udp", "53"}, "udp . 53", "\x11\x00\x00\x00\x00\x35\x00\x00", ""},
	} {
		e, err := setOfType(c.typ, c.interval).Parse(c.parts...)
		if c.to == "" {
			c.to = c.from
		}
		if err != nil || e.String() != c.want || e.from != c.from || e.to != c.to {
			t.Errorf("%s %q: %q %q-%q, %v", c.typ, c.parts, e, e.from, e.to, err)
			continue
		}
		if again, err := setOfType(c.typ, c.interval).Parse(e.String()); err != nil || !again.same(e) {
			t.Errorf("%s: %q reads as %q, %v", c.typ, e, again, err)
		}
	}
}

// In sets without intervals marks are kept as the machine holds numbers.
func TestParseHostOrder(t *testing.T) {
	e, err := setOfType("mark", false).Parse("0x1020")
	want := "\x20\x10\x00\x00"
	if bigEndian {
		want = "\x00\x00\x10\x20"
	}
	if err != nil || e.from != want || e.String() != "0x1020" {
		t.Errorf("%q %q, %v", e, e.from, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		typ      string
		interval bool
		parts    []string
		want     string
	}{
		{"ipv4_addr", false, []string{""}, "empty: want an IPv4 address"},
		{"ipv4_addr", false, []string{"  "}, "empty"},
		{"ipv4_addr", false, nil, "want 1 value, got 0 values"},
		{"ipv4_addr", false, []string{"fd00::1"}, "fd00::1 is an IPv6 address, the set holds IPv4 addresses (ipv4_addr)"},
		{"ipv4_addr", true, []string{"fd00::/8"}, "is an IPv6 address, the set holds IPv4"},
		{"ipv6_addr", false, []string{"10.0.0.1"}, "10.0.0.1 is an IPv4 address, the set holds IPv6 addresses (ipv6_addr)"},
		{"ipv6_addr", true, []string{"10.0.0.0/8"}, "is an IPv4 address, the set holds IPv6"},
		{"ipv6_addr", false, []string{"fe80::1%eth0"}, "is no address"},
		{"ipv4_addr", false, []string{"10.0.0.0/8"}, `it is a range, and the set has no "flags interval"`},
		{"ipv4_addr", false, []string{"10.0.0.1-10.0.0.2"}, "it is a range"},
		{"ipv4_addr", true, []string{"10.0.0.1/8"}, "10.0.0.1/8 has bits set behind its prefix; did you mean 10.0.0.0/8?"},
		{"ipv4_addr", true, []string{"10.0.0.0/33"}, "is no network"},
		{"ipv4_addr", true, []string{"10.0.0.9-10.0.0.1"}, "lies behind"},
		{"ipv4_addr", true, []string{"10.0.0.9-"}, "is no address"},
		{"ipv4_addr", true, []string{"10.0.0.9-fd00::"}, "is an IPv6 address"},
		{"ipv4_addr", false, []string{"80"}, `"80" is no address`},
		{"ipv4_addr", false, []string{"010.0.0.1"}, "is no address"},
		{"ipv4_addr", false, []string{"10.0.0.1 . 80"}, "want 1 value, got 2 values"},
		{"inet_service", false, []string{"65536"}, "out of range 0 to 65535"},
		{"inet_service", false, []string{"-1"}, "unknown service"},
		{"inet_service", false, []string{"080"}, "leading zero"},
		{"inet_service", false, []string{"htps"}, `unknown service "htps"; did you mean "https"?`},
		{"inet_service", true, []string{"90-80"}, "lies behind"},
		{"inet_proto", false, []string{"256"}, "unknown protocol"},
		{"inet_proto", false, []string{"tpc"}, `did you mean "tcp"?`},
		{"mark", false, []string{"0x"}, "is no number"},
		{"mark", false, []string{"+1"}, "is no number"},
		{"mark", false, []string{"0x100000000"}, "out of range"},
		{"mark", false, []string{"1.5"}, "is no number"},
		{"ifname", false, []string{"abcdefghijklmnop"}, "longer than 15 bytes"},
		{"ifname", false, []string{"a b"}, "is no name of an interface"},
		{"ifname", true, []string{"*"}, "every interface"},
		{"ipv4_addr . inet_service", false, []string{"10.0.0.1"}, "want 2 values, ipv4_addr . inet_service, got 1 value"},
		{"ipv4_addr . inet_service", false, []string{"10.0.0.1", "htps"}, `value 2: unknown service "htps"`},
		{"ipv4_addr . inet_service", false, []string{"10.0.0.1", ""}, "value 2: empty"},
		{"ct_state", false, []string{"new"}, "values of type ct_state cannot be written"},
	} {
		e, err := setOfType(c.typ, c.interval).Parse(c.parts...)
		var bad *TypeError
		if err == nil || !strings.Contains(err.Error(), c.want) || !asType(err, &bad) || bad.Set != "inet t s" {
			t.Errorf("%s %q: %q, %v, want %q", c.typ, c.parts, e, err, c.want)
		}
	}
}

func asType(err error, bad **TypeError) (ok bool) {
	*bad, ok = err.(*TypeError) //nolint:errorlint // it is made by one call
	return ok
}

func TestCoversAndOverlaps(t *testing.T) {
	for _, c := range []struct {
		typ, a, b        string
		covers, overlaps bool
	}{
		{"ipv4_addr", "10.0.0.0/8", "10.1.0.0/16", true, true},
		{"ipv4_addr", "10.0.0.0/8", "10.0.0.0/8", true, true},
		{"ipv4_addr", "10.1.0.0/16", "10.0.0.0/8", false, true},
		{"ipv4_addr", "10.0.0.1-10.0.0.5", "10.0.0.5-10.0.0.9", false, true},
		{"ipv4_addr", "10.0.0.1-10.0.0.5", "10.0.0.6-10.0.0.9", false, false},
		{"ipv4_addr . inet_service", "10.0.0.0/8 . 80-90", "10.1.0.0/16 . 85", true, true},
		{"ipv4_addr . inet_service", "10.0.0.0/8 . 80-90", "10.1.0.0/16 . 85-95", false, true},
		{"ipv4_addr . inet_service", "10.0.0.0/8 . 80-90", "10.1.0.0/16 . 91", false, false},
		{"ipv4_addr . inet_service", "10.0.0.0/8 . 80-90", "11.1.0.0/16 . 85", false, false},
	} {
		s := setOfType(c.typ, true)
		a, err := s.Parse(c.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Parse(c.b)
		if err != nil {
			t.Fatal(err)
		}
		if a.covers(b) != c.covers || a.overlaps(b) != c.overlaps || b.overlaps(a) != c.overlaps {
			t.Errorf("%s, %s: covers %v, overlaps %v", a, b, a.covers(b), a.overlaps(b))
		}
	}
	every := Element{all: true}
	one, _ := setOfType("ipv4_addr", false).Parse("10.0.0.1")
	if every.covers(one) || one.covers(every) || every.overlaps(one) || !every.covers(every) || every.String() != "*" {
		t.Error("the element for all others")
	}
}

// What is read is written so that it is read the same.
func FuzzParse(f *testing.F) {
	types := []string{"ipv4_addr", "ipv6_addr", "inet_service", "inet_proto", "mark", "ifname", "ipv4_addr . inet_service", "ifname . mark . inet_proto"}
	for i := range types {
		f.Add("10.0.0.1", uint8(i), true)
		f.Add("10.0.0.0/8 . 80-90", uint8(i), true)
		f.Add("eth* . 0x10 . tcp", uint8(i), true)
		f.Add("fd00::1-fd00::9", uint8(i), true)
	}
	f.Fuzz(func(t *testing.T, text string, typ uint8, interval bool) {
		s := setOfType(types[int(typ)%len(types)], interval)
		e, err := s.Parse(text)
		if err != nil {
			return
		}
		again, err := s.Parse(e.String())
		if err != nil || !again.same(e) || e.from > e.to && len(s.Key) == 1 && interval {
			t.Errorf("%s: %q is %q (%q to %q), which reads as %q, %v", s.Type(), text, e, e.from, e.to, again, err)
		}
	})
}
