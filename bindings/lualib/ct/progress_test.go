package ct

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/query"
)

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	done := make(chan struct{})
	close(done)
	showProgress(&out, &query.Progress{}, done, time.Hour, time.Hour)
	if out.Len() > 0 {
		t.Errorf("a short query is told: %q", out.String())
	}
	done = make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		showProgress(&out, &query.Progress{}, done, 0, time.Millisecond)
	}()
	time.Sleep(20 * time.Millisecond)
	close(done)
	<-ended
	if got := out.String(); !strings.HasPrefix(got, "\r0 flows read\x1b[K") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("%q", got)
	}
}
