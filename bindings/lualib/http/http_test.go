package http

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/luatest"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// hang is how long a request of these tests may take at most.
const hang = 20 * time.Second

// TestMain has the tests reach their own servers on machines with a proxy, too.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

// script is a state with http, whose turn is held.
type script struct {
	*vm.VM
	client *Client
	stop   context.CancelCauseFunc
}

func newScript(t *testing.T, opt Options) *script {
	ctx, stop := context.WithCancelCause(context.Background())
	v := vm.New(ctx, vm.Options{})
	v.Tasks.Lock()
	s := &script{v, Open(v, opt), stop}
	s.client.waitMin, s.client.waitMax = time.Millisecond, 2*time.Millisecond
	t.Cleanup(s.close)
	return s
}

func (s *script) close() {
	if s.client == nil {
		return
	}
	s.Tasks.Unlock()
	s.Close()
	s.client.Close()
	s.client = nil
}

// eval returns the values of an expression as text, or its error.
func (s *script) eval(t *testing.T, code string) (string, error) {
	t.Helper()
	begin := time.Now()
	values, err := s.Eval("test", code)
	if d := time.Since(begin); d > hang {
		t.Errorf("%s took %v", code, d)
	}
	var texts []string
	for _, v := range values {
		texts = append(texts, v.String())
	}
	return strings.Join(texts, " "), err
}

// serve starts a server that answers the n-th request (from 1) with fn.
func serve(t *testing.T, fn func(w nethttp.ResponseWriter, r *nethttp.Request, n int)) (*httptest.Server, *atomic.Int32) {
	var n atomic.Int32
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { fn(w, r, int(n.Add(1))) }))
	t.Cleanup(s.Close)
	return s, &n
}

// to dials one server, whatever the address.
func to(s *httptest.Server) Options {
	return Options{Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
	}}
}

func TestExamples(t *testing.T) {
	server, _ := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request, _ int) {
		w.Header().Set("Content-Type", "text/plain")
		switch r.Method + " " + r.Host + r.URL.Path {
		case "GET health.example/ready":
			fmt.Fprint(w, "up")
		case "POST alerts.example/":
			b, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "got %s", b)
		default:
			w.WriteHeader(404)
		}
	})
	luatest.Examples(t, []*registry.Family{module.Family, responseType.Family}, func(t *testing.T, out io.Writer) *vm.VM {
		v := vm.New(context.Background(), vm.Options{Stdout: out})
		t.Cleanup(Open(v, to(server)).Close)
		return v
	})
}

func drip(w nethttp.ResponseWriter, r *nethttp.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write([]byte("drip")); err != nil {
			return
		}
		w.(nethttp.Flusher).Flush()
		time.Sleep(5 * time.Millisecond)
	}
}

// cut sends half of an answer.
func cut(w nethttp.ResponseWriter, text string) {
	conn, _, err := w.(nethttp.Hijacker).Hijack()
	if err == nil {
		fmt.Fprint(conn, text)
		conn.Close()
	}
}

// TestAnswers asks a server; code is an expression with u for its URL.
func TestAnswers(t *testing.T) {
	type writer = nethttp.ResponseWriter
	type req = *nethttp.Request
	for _, c := range []struct {
		name     string
		handle   func(w writer, r req, n int)
		code     string
		want     string // the values, or a part of the error
		kind     luaerr.Code
		requests int
	}{
		{"plain", func(w writer, _ req, _ int) { w.Header()["X-Two"] = []string{"a", "b"}; fmt.Fprint(w, "hi\x00") },
			`(function() r = http.get(u) return r.status, r.ok, r.body, r.truncated, r.attempts, r.took > 0, r.headers["x-two"], tostring(r) end)()`,
			"200 true hi\x00 false 1 true a, b 200 OK, 3 bytes", "", 1},
		{"not found is an answer", func(w writer, _ req, _ int) { w.WriteHeader(404) }, `http.get(u).ok`, "false", "", 1},
		{"500 then 200", func(w writer, _ req, n int) { w.WriteHeader([]int{500, 200}[n-1]) }, `http.get(u).attempts`, "2", "", 2},
		{"503 to the end", func(w writer, _ req, _ int) { w.WriteHeader(503) }, `tostring(http.get(u)), http.get(u, {retry = 0}).attempts`, "503 Service Unavailable, 0 bytes 1", "", 4},
		{"501 is not tried again", func(w writer, _ req, _ int) { w.WriteHeader(501) }, `http.get(u).attempts`, "1", "", 1},
		{"429 with Retry-After", func(w writer, _ req, n int) { w.Header().Set("Retry-After", "1"); w.WriteHeader([]int{429, 200}[n-1]) },
			`(function() r = http.get(u) return r.ok, r.took >= 1 end)()`, "true true", "", 2},
		{"Retry-After beyond the time limit", func(w writer, _ req, _ int) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(503)
			fmt.Fprint(w, "later")
		}, `http.get(u).body`, "later", "", 1},
		{"Retry-After beyond all time", func(w writer, _ req, _ int) {
			w.Header().Set("Retry-After", "9223372036854775807")
			w.WriteHeader(503)
		}, `http.get(u).status`, "503", "", 1},
		{"post is sent once", func(w writer, _ req, _ int) { w.WriteHeader(500) }, `http.post(u, "x").attempts`, "1", "", 1},
		{"post again if asked to", func(w writer, r req, n int) {
			b, _ := io.ReadAll(r.Body)
			w.WriteHeader([]int{500, 200}[n-1])
			fmt.Fprintf(w, "%s %s %s %d", r.Method, b, r.Header.Get("Content-Type"), r.ContentLength)
		}, `http.post(u, {a = {1, "<"}}, {retry = 1}).body`, `POST {"a":[1,"\u003c"]} application/json 18`, "", 2},
		{"post text", func(w writer, r req, _ int) {
			b, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%q %s", b, r.Header.Get("Content-Type"))
		}, `http.post(u, "\0").body, http.post(u, "", {headers = {["content-TYPE"] = "a/b"}}).body, http.post(u, {}).body`,
			`"\x00" text/plain; charset=utf-8 "" a/b "{}" application/json`, "", 3},
		{"headers", func(w writer, r req, _ int) {
			fmt.Fprint(w, r.Host, " ", r.UserAgent(), " ", r.Header.Get("x-n"), " ", r.Header.Get("Authorization"))
		}, `http.get(u, {headers = {Host = "other", ["X-N"] = 5}}).body, http.get((u:gsub("//", "//u:p@"))).body`,
			"other ctsh 5  HOST ctsh  Basic dTpw", "", 2},
		{"endless body", func(w writer, _ req, _ int) {
			for _, err := w.Write(make([]byte, 1<<16)); err == nil; _, err = w.Write(make([]byte, 1<<16)) {
				continue
			}
		}, `(function() r = http.get(u, {cap = 1000}) return #r.body, r.truncated, #http.get(u).body, tostring(r) end)()`, "1000 true 1048576 200 OK, 1000 bytes and more", "", 2},
		{"body as long as the cap", func(w writer, _ req, _ int) { fmt.Fprint(w, "12345") }, `http.get(u, {cap = 5}).truncated, http.get(u, {cap = 0}).truncated`, "false true", "", 2},
		{"compressed body", func(w writer, _ req, _ int) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			for range 64 {
				fmt.Fprint(z, strings.Repeat("z", 1<<20))
			}
		}, `#http.get(u, {cap = "2MiB"}).body`, "2097152", "", 1},
		{"slow answer", func(_ writer, r req, _ int) { <-r.Context().Done() }, `http.get(u, {timeout = 0.1})`, "no answer within 0.1s", luaerr.ETIMEDOUT, 1},
		{"slow body", func(w writer, r req, _ int) { drip(w, r) }, `http.get(u, {timeout = "0.1s"})`, "no answer within 0.1s", luaerr.ETIMEDOUT, 1},
		{"broken body", func(w writer, _ req, n int) {
			if n == 1 {
				cut(w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
				return
			}
			fmt.Fprint(w, "whole")
		}, `http.get(u).body`, "whole", "", 2},
		{"no answer at all", func(w writer, _ req, _ int) { cut(w, "") }, `http.get(u)`, "EOF (3 attempts)", luaerr.EIO, 3},
		{"no HTTP", func(w writer, _ req, _ int) { cut(w, "SSH-2.0-\x1b[2J\r\n") }, `http.get(u, {retry = 0})`, `malformed HTTP`, luaerr.EIO, 1},
		{"endless headers", func(w writer, _ req, _ int) {
			cut(w, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X-Y: "+strings.Repeat("z", 1000)+"\r\n", 1000))
		}, `http.get(u, {retry = 0})`, "headers exceeded", luaerr.EIO, 1},
		{"another protocol", func(w writer, _ req, _ int) {
			cut(w, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		}, `http.get(u)`, "switched to another protocol", luaerr.EIO, 1},
		{"redirect loop", func(w writer, r req, _ int) { nethttp.Redirect(w, r, "/", nethttp.StatusFound) }, `http.get(u)`, "more than 5 redirects", "ELOOP", 6},
		{"redirects", func(w writer, r req, n int) {
			if n < 6 {
				nethttp.Redirect(w, r, fmt.Sprint("/", n), nethttp.StatusTemporaryRedirect)
				return
			}
			b, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL, b, r.Header.Get("X-Key"))
		}, `http.post(u, "again", {headers = {["x-key"] = "k"}}).body`, "POST /5 again k", "", 6},
		{"redirect to another host", func(w writer, r req, n int) {
			if n == 1 {
				nethttp.Redirect(w, r, "http://elsewhere.example/x", nethttp.StatusFound)
				return
			}
			fmt.Fprintf(w, "%s key=%s auth=%s referer=%s agent=%s", r.Host, r.Header.Get("X-Key"), r.Header.Get("Authorization"), r.Referer(), r.UserAgent())
		}, `http.get(u .. "?secret", {headers = {["x-key"] = "k", authorization = "a"}}).body`, "elsewhere.example key= auth= referer= agent=ctsh", "", 2},
		{"redirect to another scheme", func(w writer, r req, _ int) {
			nethttp.Redirect(w, r, "https://elsewhere.example/", nethttp.StatusMovedPermanently)
		},
			`http.get(u)`, "redirect from http to https, which is not followed; ask for the https URL itself", luaerr.ENOTSUP, 1},
		{"redirect to a file", func(w writer, _ req, _ int) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		}, `http.get(u)`, "redirect from http to file, which is not followed", luaerr.ENOTSUP, 1},
		{"https of a plain server", func(writer, req, int) {}, `http.get((u:gsub("http", "https")))`, "did you mean http://?", "EPROTO", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, requests := serve(t, c.handle)
			s := newScript(t, to(server))
			s.Set("u", lua.LString(server.URL))
			got, err := s.eval(t, c.code)
			host := strings.TrimPrefix(server.URL, "http://")
			got = strings.ReplaceAll(got, host, "HOST")
			switch {
			case c.kind == "" && (err != nil || got != c.want):
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			case c.kind != "" && (!errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), host)):
				t.Errorf("got %q, %v, want %s: %q", got, err, c.kind, c.want)
			case err != nil && strings.ContainsRune(err.Error(), 0x1b):
				t.Errorf("a raw control character in %q", err)
			}
			if n := int(requests.Load()); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

func TestCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { fmt.Fprint(w, r.Proto) }))
	server.EnableHTTP2 = true
	var accepted atomic.Int32
	server.Config.ConnState = func(_ net.Conn, st nethttp.ConnState) {
		if st == nethttp.StateNew {
			accepted.Add(1)
		}
	}
	server.Config.ErrorLog = discard
	server.StartTLS()
	defer server.Close()
	s := newScript(t, to(server))
	_, err := s.eval(t, `http.get("https://health.example/")`)
	if !errors.Is(err, luaerr.Code("EPROTO")) || !strings.Contains(err.Error(), "insecure = true") || accepted.Load() != 1 {
		t.Errorf("got %v after %d connections", err, accepted.Load())
	}
	if got, err := s.eval(t, `http.get("https://health.example/", {insecure = true}).body`); got != "HTTP/1.1" || err != nil {
		t.Errorf("insecure: %s, %v", got, err)
	}
	if _, err := s.eval(t, `http.get("https://health.example/", {insecure = false})`); !errors.Is(err, luaerr.Code("EPROTO")) {
		t.Errorf("the check was skipped: %v", err)
	}
}

func TestNoConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := newScript(t, Options{})
	_, err = s.eval(t, `http.get("http://`+l.Addr().String()+`/")`)
	if !errors.Is(err, luaerr.Code("ECONNREFUSED")) || !strings.Contains(err.Error(), "connection refused (3 attempts)") {
		t.Errorf("refused: %v", err)
	}
	dials := 0
	s = newScript(t, Options{Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
		dials++
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}}
	}})
	_, err = s.eval(t, `http.get("http://healht.example/")`)
	if !errors.Is(err, luaerr.ENOENT) || !strings.Contains(err.Error(), "healht.example: ") || dials != 1 {
		t.Errorf("no such host: %v after %d dials", err, dials)
	}
	if _, err = s.eval(t, `http.get("http://a\226\128\174b.example/")`); err == nil || !strings.Contains(err.Error(), `a\u202eb.example: `) {
		t.Errorf("a host that turns the line around: %q", err)
	}
	s = newScript(t, Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }})
	if _, err = s.eval(t, `http.get("http://black.example/", {timeout = "50ms"})`); !errors.Is(err, luaerr.ETIMEDOUT) {
		t.Errorf("black hole: %v", err)
	}
}
