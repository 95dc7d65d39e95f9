package http

import (
	nethttp "net/http"
	"net/url"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/value"
)

// request is what a script asked for.
type request struct {
	op       string
	method   string
	url      *url.URL
	header   nethttp.Header
	own      []string // headers that the script gave
	host     string   // what the Host header says; "" is that of the URL
	body     []byte   // nil sends none
	timeout  time.Duration
	retry    int
	cap      int64
	insecure bool
}

func (c *Client) get(call *registry.Call) int {
	return c.run(call, newRequest(call, nethttp.MethodGet, 2))
}

func (c *Client) post(call *registry.Call) int {
	r := newRequest(call, nethttp.MethodPost, 3)
	kind := "text/plain; charset=utf-8"
	if t, ok := call.Get(2).(*lua.LTable); ok {
		var err error
		if r.body, err = encode(t); err != nil {
			call.Bad("body", "%s", err)
		}
		kind = "application/json"
	} else {
		r.body = []byte(call.Text(2))
	}
	if r.header.Get("Content-Type") == "" {
		r.header.Set("Content-Type", kind)
	}
	return c.run(call, r)
}

// newRequest reads a call but for its body. options is the number of the
// argument with the options.
func newRequest(call *registry.Call, method string, options int) *request {
	u, err := parseURL(call.Text(1))
	if err != nil {
		call.Bad("url", "%s", err)
	}
	o := call.Table(options)
	r := &request{op: call.Op(), method: method, url: u, header: nethttp.Header{"User-Agent": {"ctsh"}},
		timeout: time.Duration(o.Number("timeout") * float64(time.Second)), retry: o.Int("retry"),
		cap: int64(o.Number("cap")), insecure: o.Bool("insecure")}
	if t, ok := o.Get("headers").(*lua.LTable); ok {
		t.ForEach(func(k, v lua.LValue) { r.addHeader(o, k, v) })
	}
	return r
}

// fixed are headers that say what is sent, and are not for a script to set.
var fixed = []string{"Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Upgrade", "Expect"}

// addHeader takes over one header, or raises an error that names it.
func (r *request) addHeader(o *registry.Table, k, v lua.LValue) {
	name, ok := k.(lua.LString)
	if !ok || name == "" || strings.ContainsFunc(string(name), func(c rune) bool { return !isToken(c) }) {
		o.Bad("headers", "%s is not the name of a header", value.Describe(k))
	}
	switch v.(type) {
	case lua.LString, lua.LNumber:
	default:
		o.Bad("headers", "want a string for %q, got %s", string(name), value.Describe(v))
	}
	text := v.String()
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		o.Bad("headers", "control character in the value of %q", string(name))
	}
	canonical := nethttp.CanonicalHeaderKey(string(name))
	for _, f := range fixed {
		if f == canonical {
			o.Bad("headers", "%q is not for a script to set", string(name))
		}
	}
	if canonical == "Host" {
		r.host = text
		return
	}
	r.own = append(r.own, canonical)
	r.header.Set(canonical, text)
}

// isToken tells whether a character may stand in the name of a header.
func isToken(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

// run sends a request while other tasks go on, and returns or raises what came
// of it.
func (c *Client) run(call *registry.Call, r *request) int {
	ctx, begin := c.vm.Context(), time.Now()
	x := c.newExchange(r)
	var res *response
	var err error
	c.vm.Tasks.Block(func() { res, err = x.run(ctx) })
	call.Raise(err)
	res.took, res.attempts = time.Since(begin), x.attempts
	return call.Return(responseType.New(call.L, res))
}
