package http

import (
	"encoding/json"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/value"
)

// maxTable bounds a body that is a table, in bytes of text and about as many as
// a value takes.
const (
	maxTable = 16 << 20
	cost     = 64
)

// encode is the JSON of a table.
func encode(t *lua.LTable) ([]byte, error) {
	if left := maxTable; !fits(t, 0, &left) {
		return nil, fmt.Errorf("the table is larger than %d MiB, or holds itself", maxTable>>20)
	}
	x, err := value.ToGo(t)
	if err != nil {
		return nil, err
	}
	if list, ok := x.([]any); ok && len(list) == 0 {
		return []byte("{}"), nil // fields are what a server expects in a body
	}
	return json.Marshal(x)
}

// fits adds up what a table holds. One that is in several places counts in each
// of them, because its text will be there, too.
func fits(t *lua.LTable, depth int, left *int) bool {
	const tooDeep = 100 // what converts the table says so before
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		*left -= cost + size(k) + size(v)
		if *left < 0 {
			return false
		}
		if inner, ok := v.(*lua.LTable); ok && depth < tooDeep && !fits(inner, depth+1, left) {
			return false
		}
	}
	return true
}

func size(v lua.LValue) int { s, _ := v.(lua.LString); return len(s) }
