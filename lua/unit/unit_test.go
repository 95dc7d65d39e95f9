package unit

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseUnits(t *testing.T) {
	for _, c := range []struct {
		parse func(string) (float64, error)
		text  string
		want  float64 // -1 for an error
	}{
		{ParseDuration, "90", 90}, {ParseDuration, "1h30m", 5400}, {ParseDuration, "2d", 172800},
		{ParseDuration, "250ms", 0.25}, {ParseDuration, "0.5s", 0.5}, {ParseDuration, "0", 0},
		{ParseDuration, "", -1}, {ParseDuration, "5m1h", -1}, {ParseDuration, "5s5s", -1},
		{ParseDuration, "-5s", -1}, {ParseDuration, "5 s", -1}, {ParseDuration, "1h5", -1},
		{ParseDuration, "soon", -1}, {ParseDuration, "1e3", -1}, {ParseDuration, "999999999999d", -1},
		{ParseDuration, "inf", -1}, {ParseDuration, "nan", -1}, {ParseDuration, "05", -1},
		{ParseSize, "1500", 1500}, {ParseSize, "10MB", 1e7}, {ParseSize, "10MiB", 10 << 20}, {ParseSize, "1.5k", 1500},
		{ParseSize, "1.5", -1}, {ParseSize, "10mb", -1}, {ParseSize, "", -1}, {ParseSize, "9999TiB", -1}, {ParseSize, "1k1k", -1},
		{ParseRate, "5k/s", 5000}, {ParseRate, "6/m", 0.1}, {ParseRate, "0/s", -1}, {ParseRate, "5", -1}, {ParseRate, "5/y", -1},
		{ParsePercent, "90%", 0.9}, {ParsePercent, "0%", 0}, {ParsePercent, "100%", 1}, {ParsePercent, "101%", -1}, {ParsePercent, "0.9", -1},
	} {
		got, err := c.parse(c.text)
		if err == nil && got != c.want || (err != nil) != (c.want == -1) {
			t.Errorf("%q: %v, %v; want %v", c.text, got, err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), `"`+c.text+`"`) {
			t.Errorf("%q: the error %q does not quote what was given", c.text, err)
		}
	}
}

func TestParseMasked(t *testing.T) {
	for text, want := range map[string][2]uint32{
		"16": {16, ^uint32(0)}, "0x10": {0x10, ^uint32(0)}, "0x10/0xff": {0x10, 0xff}, "0/255": {0, 255}, "0xffffffff": {^uint32(0), ^uint32(0)},
	} {
		v, m, err := ParseMasked(text)
		if err != nil || v != want[0] || m != want[1] {
			t.Errorf("%q: %#x/%#x, %v", text, v, m, err)
		}
	}
	for _, text := range []string{"", "x", "010", "-1", "0x1ffffffff", "1/", "/1", "0x100/0xff", "1/2/3", " 1"} {
		if v, m, err := ParseMasked(text); err == nil {
			t.Errorf("%q was taken for %#x/%#x", text, v, m)
		}
	}
}

// What is printed reads back as what it was.
func TestUnitsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := float64(rapid.Int64Range(0, 1<<40).Draw(t, "ms"))
		same := func(text string, want float64, parse func(string) (float64, error)) {
			got, err := parse(text)
			if diff := got - want; err != nil || diff > want*1e-12 || -diff > want*1e-12 {
				t.Fatalf("%v printed as %q reads as %v, %v", want, text, got, err)
			}
		}
		same(FormatDuration(ms/1000), ms/1000, ParseDuration)
		same(FormatSize(ms), ms, ParseSize)
		same(FormatRate(ms+1), ms+1, ParseRate)
		share := rapid.Float64Range(0, 1).Draw(t, "share")
		same(FormatPercent(share), share, ParsePercent)
		v := rapid.Uint32().Draw(t, "value")
		m := rapid.Uint32().Draw(t, "mask")
		gotV, gotM, err := ParseMasked(FormatMasked(v&m, m))
		if err != nil || gotV != v&m || gotM != m {
			t.Fatalf("%#x/%#x reads as %#x/%#x, %v", v&m, m, gotV, gotM, err)
		}
	})
}
