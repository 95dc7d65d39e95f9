package syntax

import (
	"errors"
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/parse"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// FuzzCompile checks that no text does more than fail, with a position.
func FuzzCompile(f *testing.F) {
	for _, d := range defects {
		f.Add(d.source)
	}
	f.Add(newProgram(3, true))
	f.Fuzz(func(t *testing.T, source string) {
		const most = 1 << 16
		if len(source) > most {
			return
		}
		failed := func(err error) {
			var e *luaerr.Error
			if !errors.As(err, &e) || e.Code != luaerr.EPARSE || !strings.HasPrefix(e.Where, "t:") {
				t.Errorf("%v", err)
			}
		}
		if err := CheckText(source, "t"); err != nil {
			failed(err)
		}
		chunk, err := parse.Parse(strings.NewReader(source), "t")
		if err != nil {
			return
		}
		if _, err := ours(chunk, "t"); err != nil {
			failed(err)
		}
	})
}
