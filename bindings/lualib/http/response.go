package http

import (
	"fmt"
	nethttp "net/http"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/value"
)

// response is the last answer to a request.
type response struct {
	status    int
	header    nethttp.Header
	body      string
	truncated bool // body is only the beginning
	took      time.Duration
	attempts  int
}

func (r *response) ok() bool { return r.status/100 == 2 }

var responseType = registry.NewType[*response]("response", "the answer of a web server").
	Example(`ct> http.get("http://health.example/ready")
200 OK, 2 bytes`).
	Field("status: int", "the status code", func(_ *lua.LState, r *response) lua.LValue { return lua.LNumber(r.status) }).
	Field("ok: bool", "whether the status is one of success, 200 to 299", func(_ *lua.LState, r *response) lua.LValue { return lua.LBool(r.ok()) }).
	Field("body: text", "what it holds, bytes as they came, decompressed", func(_ *lua.LState, r *response) lua.LValue { return lua.LString(r.body) }).
	Field("truncated: bool", "whether the body was longer than cap and is cut", func(_ *lua.LState, r *response) lua.LValue { return lua.LBool(r.truncated) }).
	Field("headers: table", "text by name in lower case; values of the same name are joined with \", \"", func(L *lua.LState, r *response) lua.LValue { return r.headers(L) }).
	Field("took: duration", "seconds from the call to the end of the answer, all attempts together", func(L *lua.LState, r *response) lua.LValue { return value.ToLua(L, r.took) }).
	Field("attempts: int", "how many times it was asked for", func(_ *lua.LState, r *response) lua.LValue { return lua.LNumber(r.attempts) }).
	Text((*response).text)

func (r *response) headers(L *lua.LState) *lua.LTable {
	t := L.CreateTable(0, len(r.header))
	for name, values := range r.header {
		t.RawSetString(strings.ToLower(name), lua.LString(strings.Join(values, ", ")))
	}
	return t
}

// text is the response on one line. The words of the status are our own, not
// the server's.
func (r *response) text() string {
	s := fmt.Sprintf("%d %s, %d bytes", r.status, nethttp.StatusText(r.status), len(r.body))
	if r.truncated {
		s += " and more"
	}
	return strings.Replace(s, " ,", ",", 1)
}
