package ct

import (
	"context"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/vm"
)

// hostile is text that would act on a terminal, a log or a spreadsheet.
const hostile = "=cmd\x1b[31m\r\n\x00\u202e\xff"

// TestHostileText prints what others chose the text of. The formats of output
// have a test of their own.
func TestHostileText(t *testing.T) {
	e := &wire.Entry{SecCtx: hostile, Helper: hostile}
	e.Orig = wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoTCP, Src: wire.Addr{10: 0xff, 11: 0xff, 15: 1}, Dst: wire.Addr{10: 0xff, 11: 0xff, 15: 2}}
	e.Flow.Helper = wire.InternHelper([]byte(hostile))
	e.Present = wire.HasHelper | wire.HasSecCtx
	v := vm.New(context.Background(), vm.Options{})
	defer v.Close()
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	raised := v.Run("x", `error("\27[31m\0\226\128\174\255")`)
	for name, text := range map[string]string{
		"text": textOf(e), "expectation": expectText(&wire.Expect{Helper: hostile}), "error": strings.ReplaceAll(v.Explain(raised), "\n", ""),
	} {
		if escape.Terminal(text) != text {
			t.Errorf("%s: %q", name, text)
		}
		if !strings.Contains(text, "31m") {
			t.Errorf("%s: the text is missing: %q", name, text)
		}
	}
}
