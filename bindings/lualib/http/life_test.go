package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/lua/luaerr"
)

var discard = log.New(io.Discard, "", 0)

// TestCancelled ends the script in each phase of a request.
func TestCancelled(t *testing.T) {
	phases := map[string]struct {
		handle nethttp.HandlerFunc
		dial   bool // never ends
	}{
		"dialling": {dial: true},
		"waiting":  {handle: func(_ nethttp.ResponseWriter, r *nethttp.Request) { <-r.Context().Done() }},
		"reading":  {handle: drip},
		"between attempts": {handle: func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(503)
		}},
	}
	for name, c := range phases {
		t.Run(name, func(t *testing.T) {
			reached := make(chan struct{}, 16)
			server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
				reached <- struct{}{}
				c.handle(w, r)
			}))
			defer server.Close()
			opt := to(server)
			if c.dial {
				opt.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
					reached <- struct{}{}
					<-ctx.Done()
					return nil, ctx.Err()
				}
			}
			s := newScript(t, opt)
			var cancelled time.Time
			go func() {
				<-reached
				time.Sleep(30 * time.Millisecond)
				cancelled = time.Now()
				s.stop(&luaerr.Error{Code: luaerr.ECANCELED, Msg: "enough"})
			}()
			_, err := s.eval(t, `http.get("http://health.example/", {timeout = "2h"})`)
			if !errors.Is(err, luaerr.ECANCELED) {
				t.Errorf("got %v", err)
			}
			took := time.Since(cancelled)
			t.Logf("ended %v after it was cancelled", took)
			if took > 5*time.Second {
				t.Errorf("ended only %v after it was cancelled", took)
			}
		})
	}
}

// TestOthersGoOn has a second task run while a request waits: it makes the
// server answer.
func TestOthersGoOn(t *testing.T) {
	answer := make(chan struct{})
	server, _ := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request, _ int) {
		if r.URL.Path == "/slow" {
			select {
			case <-answer:
			case <-r.Context().Done():
			}
			fmt.Fprint(w, "slow")
			return
		}
		close(answer)
	})
	s := newScript(t, to(server))
	asked := make(chan error, 1)
	s.Tasks.Go("other", func(context.Context) error {
		s.Tasks.Lock()
		defer s.Tasks.Unlock()
		_, err := s.Eval("other", `http.get("http://a/fast")`)
		asked <- err
		return err
	})
	got, err := s.eval(t, `http.get("http://a/slow").body`)
	if err != nil || got != "slow" {
		t.Errorf("got %q, %v", got, err)
	}
	if s.Tasks.Block(func() { err = <-asked }); err != nil {
		t.Error(err)
	}
}

// TestCloseUnderWay closes the client under requests that dial or wait.
func TestCloseUnderWay(t *testing.T) {
	reached := make(chan struct{}, 16)
	server, _ := serve(t, func(_ nethttp.ResponseWriter, r *nethttp.Request, _ int) {
		reached <- struct{}{}
		<-r.Context().Done()
	})
	blackHole := Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		reached <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	for _, opt := range []Options{to(server), blackHole} {
		s := newScript(t, opt)
		go func() {
			<-reached
			s.client.Close()
		}()
		if got, err := s.eval(t, `http.get("http://a/", {timeout = "2h"})`); err == nil {
			t.Errorf("got %s from a closed client", got)
		}
	}
}

// TestNothingLeft closes a script that has idle connections, one that broke off
// in each phase, and dials that never end.
func TestNothingLeft(t *testing.T) {
	server := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		switch r.URL.Path {
		case "/wait":
			<-r.Context().Done()
		case "/drip":
			drip(w, r)
		default:
			fmt.Fprint(w, "ok")
		}
	}))
	states := make(chan int, 1000)
	server.Config.ConnState = func(_ net.Conn, st nethttp.ConnState) {
		switch st {
		case nethttp.StateNew:
			states <- 1
		case nethttp.StateClosed:
			states <- -1
		}
	}
	server.Start()
	defer server.Close()
	before := runtime.NumGoroutine()
	direct := to(server).Dial
	s := newScript(t, Options{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasPrefix(addr, "black.") {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return direct(ctx, network, addr)
	}})
	for range 3 {
		for _, c := range []struct {
			url string
			ok  bool
		}{{"http://a/", true}, {"http://b/", true}, {"http://a/wait", false}, {"http://a/drip", false}, {"http://black.example/", false}} {
			if _, err := s.eval(t, `http.get("`+c.url+`", {timeout = "50ms"})`); (err == nil) != c.ok && !errors.Is(err, luaerr.ETIMEDOUT) {
				t.Errorf("%s: %v", c.url, err)
			}
		}
	}
	client := s.client
	s.close()
	if n := len(client.open); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	if _, err := client.connect(context.Background(), "tcp", "a:80"); !errors.Is(err, net.ErrClosed) && !errors.Is(err, context.Canceled) {
		t.Errorf("a closed client connects: %v", err)
	}
	open, accepted := 0, 0
	for end := time.Now().Add(hang); ; time.Sleep(10 * time.Millisecond) {
		for len(states) > 0 {
			st := <-states
			open += st
			accepted += max(st, 0)
		}
		goroutines := runtime.NumGoroutine()
		if open == 0 && goroutines <= before {
			break
		}
		if time.Now().After(end) {
			all := make([]byte, 1<<16)
			t.Fatalf("%d of %d connections and %d goroutines are left, of %d before\n%s", open, accepted, goroutines, before, all[:runtime.Stack(all, true)])
		}
	}
	if accepted < 3 {
		t.Errorf("only %d connections were made", accepted)
	}
}
