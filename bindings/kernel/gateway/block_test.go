package gateway

import (
	"strings"
	"testing"
)

func TestBlock(t *testing.T) {
	for _, content := range []int{1, 7, 8, 256} {
		b := make([]byte, headerLen+content)
		makeBlock(b, 3, 1<<40)
		k, number, err := readBlock(b, 3, content)
		if err != nil || k != kindBlock || number != 1<<40 {
			t.Fatalf("kind %d, number %d, %v", k, number, err)
		}
		setKind(b, kindEcho)
		if k, _, err := readBlock(b, 3, content); err != nil || k != kindEcho {
			t.Fatalf("kind %d, %v", k, err)
		}
		for i := range b {
			for bit := range 8 {
				b[i] ^= 1 << bit
				if _, _, err := readBlock(b, 3, content); err == nil {
					t.Fatalf("bit %d of byte %d flipped, and nothing noticed", bit, i)
				}
				b[i] ^= 1 << bit
			}
		}
	}
}

// What is whole and yet not ours is refused as well.
func TestForeignBlock(t *testing.T) {
	b := make([]byte, headerLen+16)
	makeBlock(b, 3, 9)
	if _, _, err := readBlock(b, 4, 16); err == nil || !strings.Contains(err.Error(), "stream 3 in stream 4") {
		t.Errorf("of another stream: %v", err)
	}
	if _, _, err := readBlock(b, 3, 17); err == nil {
		t.Error("a short block passes")
	}
	setKind(b, 3)
	if _, _, err := readBlock(b, 3, 16); err == nil || !strings.Contains(err.Error(), "kind 3") {
		t.Errorf("of a kind that is none: %v", err)
	}
}

// No two blocks have the same content, so that none passes for another.
func TestContent(t *testing.T) {
	seen := map[string]bool{}
	for stream := range uint64(50) {
		for number := range uint64(50) {
			b := make([]byte, headerLen+16)
			makeBlock(b, stream, number)
			if c := string(b[headerLen:]); seen[c] {
				t.Fatalf("stream %d, block %d has the content of another", stream, number)
			} else {
				seen[c] = true
			}
		}
	}
}
