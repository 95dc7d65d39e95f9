package http

import (
	"strings"
	"testing"
)

func TestURL(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"http://a", ""}, {"https://a.b:443/c?d=%20#e", ""}, {"HTTP://[::1]:80/", ""}, {"http://u:p@a:/", ""}, {"http://ä.example/ü", ""},
		{"example.com/x", `no scheme in front of "example.com"; write http:// or https://`}, {"localhost:80/x", `no scheme in front of "localhost:80"`},
		{"10.0.0.1:80", `no scheme in front of "10.0.0.1:80"`}, {"u:secret@h/x", `no scheme in front of "h"`}, {"/x", "no scheme and host"}, {"//h/x", "no scheme and host"},
		{"htps://a", `scheme "htps" is not http or https; did you mean "https"?`}, {"file:///etc/passwd", `scheme "file" is not http or https`},
		{"http:///x", `no host behind "http://"`}, {"http:a", `no host behind "http://"`}, {"http://:80/", "no host"}, {"http://u:p@/", "no host"},
		{"http://a:99999/", `port "99999" is out of range 1 to 65535`}, {"http://a:0/", `port "0"`}, {"http://a:b/", `invalid port ":b"`},
		{"http://a/ b", `' ' at byte 10; write it as %20`}, {"http://a/\n", `'\n' at byte 10`}, {"http://a/%zz", `invalid URL escape "%zz"`}, {"http://[::1/", "missing ']'"},
		{"http://a/" + strings.Repeat("x", maxURL), "longer than 16384 bytes"}, {"://a", "missing protocol scheme"},
	} {
		u, err := parseURL(c.text)
		if c.want == "" {
			if err != nil || u.Hostname() == "" {
				t.Errorf("%q: %v", c.text, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: got %v, want %s", c.text, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", c.text, err)
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"http://a:80/b?c", "a:b@c", "http://[::1%25x]/", "https://%41/", "http:", "//", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseURL(text)
		if err == nil && (u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https") {
			t.Errorf("%q was read as %+v", text, u)
		}
	})
}

func TestBadArguments(t *testing.T) {
	s := newScript(t, Options{})
	for _, c := range []struct{ code, want string }{
		{`http.get()`, `bad argument "url" of http.get: want a string, got nil`}, {`http.get("")`, "empty string"},
		{`http.get("http://a", {retrys = 3})`, `unknown field "retrys"; did you mean "retry"?`}, {`http.get("http://a", {retry = 11})`, "11 is out of range 0 to 10"},
		{`http.get("http://a", {timeout = 0})`, "out of range 0.001 to 86400"}, {`http.get("http://a", {cap = "17MiB"})`, "out of range 0 to 16777216"},
		{`http.get("http://a", {headers = {["a b"] = "c"}})`, `"a b" is not the name of a header`}, {`http.get("http://a", {headers = {"x: y"}})`, "number 1 is not the name of a header"},
		{`http.get("http://a", {headers = {a = "b\r\nc: d"}})`, `control character in the value of "a"`}, {`http.get("http://a", {headers = {a = true}})`, `want a string for "a", got true`},
		{`http.get("http://a", {headers = {["content-length"] = 5}})`, `"content-length" is not for a script to set`},
		{`http.post("http://a")`, `bad argument "body" of http.post: want a string or a table, got nil`}, {`http.post("http://a", {f = print})`, "cannot use a function here"},
		{`http.post("http://a", {0 / 0})`, "NaN"}, {`(function() local t = {} for i = 1, 10 do t[i] = t end return http.post("http://a", t) end)()`, "larger than 16 MiB, or holds itself"},
		{`(function() local t, s = {}, ("x"):rep(1e6) for i = 1, 100 do t[i] = s end return http.post("http://a", t) end)()`, "larger than 16 MiB"},
		{`(function() local t = {} t.t = t return http.post("http://a", t) end)()`, "nested deeper"},
	} {
		if _, err := s.eval(t, c.code); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.code, err, c.want)
		}
	}
}
