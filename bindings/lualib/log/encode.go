package log

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"

	"github.com/ctsh/ctsh/lua/escape"
)

// maxExact is the largest number up to which every reader of JSON is exact.
const maxExact = 1 << 53

// number is a number as JSON can have it: one that it cannot, or that readers
// would round, is a string.
func number(n float64) any {
	if math.IsNaN(n) || math.Abs(n) > maxExact {
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	return n
}

// encode is the JSON of a value of a field.
func encode(x any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // a line is read by people, too
	if err := enc.Encode(x); err != nil {
		panic(err) // a field holds nothing that cannot be encoded
	}
	return escape.JSON(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
