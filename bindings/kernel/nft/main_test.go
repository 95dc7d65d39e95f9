package nft

import (
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }
