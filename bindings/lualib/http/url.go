package http

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// maxURL is longer than what servers take.
const maxURL = 16 << 10

// parseURL reads the URL of a request. Its errors name the part that is wrong
// and quote no more than that: there may be a password in the rest.
func parseURL(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("longer than %d bytes", maxURL)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }); i >= 0 {
		return nil, fmt.Errorf("%q at byte %d; write it as %%%02X", text[i], i+1, text[i])
	}
	u, err := url.Parse(text)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		if !strings.Contains(text, "://") {
			return nil, noScheme(text)
		}
		return nil, errors.New(strings.TrimPrefix(err.Error(), "net/url: "))
	}
	switch {
	case u.Scheme == "" || u.Opaque != "" && u.Scheme != "http" && u.Scheme != "https":
		return nil, noScheme(text)
	case u.Scheme != "http" && u.Scheme != "https":
		err := fmt.Sprintf("scheme %q is not http or https", u.Scheme)
		if hint := luaerr.DidYouMean(u.Scheme, []string{"http", "https"}); hint != "" {
			err += "; " + hint
		}
		return nil, errors.New(err)
	case u.Hostname() == "":
		return nil, fmt.Errorf("no host behind %q", u.Scheme+"://")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("port %q is out of range 1 to 65535", port)
		}
	}
	return u, nil
}

// noScheme is the error for text that begins with a host or a path.
func noScheme(text string) error {
	if strings.HasPrefix(text, "/") {
		return errors.New("no scheme and host; write it like \"http://host/path\"")
	}
	host, _, _ := strings.Cut(text, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	return fmt.Errorf("no scheme in front of %q; write http:// or https://", host)
}
