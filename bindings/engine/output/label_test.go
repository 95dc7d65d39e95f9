package output

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/escape"
)

// TestLabelNames writes labels with hostile names, as a configuration file may
// give them, and compares with the escapes of the joined text.
func TestLabelNames(t *testing.T) {
	texts := labelTexts
	defer func() { labelTexts = texts }()
	named := *texts()
	bits := []int{0, 1, 2, 63, 64, 65, 126, 127}
	for i, name := range []string{"=1+1", `a"b`, "x\x1b[31m", "\xff", "\u202e", "-", "plain", "größe"} {
		named[bits[i]] = name
	}
	labelTexts = func() *[128]string { return &named }
	r := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		var l wire.Labels
		for range r.IntN(5) {
			l = l.Set(bits[r.IntN(len(bits))])
		}
		list := []string{}
		for bit := range 128 {
			if l.Bit(bit) {
				list = append(list, named[bit])
			}
		}
		object, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		joined := strings.Join(list, ",")
		fields := columnsFor("l:labels", "n:number")
		for format, want := range map[string]string{
			"csv":    "l,n\n" + escape.CSV(joined) + ",1\n",
			"tsv":    "l\tn\n" + escape.Terminal(joined) + "\t1\n",
			"ndjson": `{"l":` + string(escape.JSON(object)) + `,"n":1}` + "\n",
		} {
			if got := write(t, Options{Format: format, Fields: fields}, []any{l, 1}); got != want {
				t.Fatalf("%s of %q: %q, want %q", format, list, got, want)
			}
		}
	}
}
