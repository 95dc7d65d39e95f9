package registry

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Signature says how a function is called: `name(params) -> returns`. It reads
// the same in code, help and reference:
//
//	limit(n: int 1..1000) -> flows
//	apply(options?: {max?: int 1.. = 10000, on_error?: "skip" | "stop" = "skip"}) -> result
//	min(first: number, ...: number) -> number
//	run(command: {...: text, timeout?: duration}) -> process
type Signature struct {
	Name    string
	Params  []Param
	Returns string // as written, "" for nothing
	more    *Param // of a last `...`, nil without
}

// Param is one argument, or one field of an argument that is a table.
type Param struct {
	Name     string
	Type     Kinds
	Optional bool
	Default  string // as written, "" for none
}

// Kinds are the alternatives of a type, of which one must fit.
type Kinds []Kind

// Kind is one alternative.
type Kind struct {
	Base   string  // "int", "duration", "flow", "list", "literal" ...
	Lo, Hi float64 // of numbers, where Ranged
	Ranged bool
	Word   string  // of a literal
	Item   Kinds   // of a list
	Fields []Param // of a table with known fields
}

// ParseSignature reads a signature.
func ParseSignature(text string) (*Signature, error) {
	p := &sigParser{text: text}
	s, err := p.signature()
	if err != nil {
		return nil, fmt.Errorf("signature %q: %w", text, err)
	}
	return s, nil
}

// ParseField reads the declaration of a field: `name: type`.
func ParseField(text string) (Param, error) {
	p := &sigParser{text: text}
	f, err := p.param()
	if err == nil && p.peek() != "" {
		err = p.unexpected("the end")
	}
	if err != nil {
		return f, fmt.Errorf("field %q: %w", text, err)
	}
	return f, nil
}

// sigParser reads signatures by recursive descent; they are short and ours.
type sigParser struct {
	text string
	at   int
}

// marks are the tokens of more than one byte that are no words.
var marks = []string{"...", "->", "..", "[]"}

// peek returns the next token, "" at the end.
func (p *sigParser) peek() string {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
	rest := p.text[p.at:]
	if rest == "" {
		return ""
	}
	for _, m := range marks {
		if strings.HasPrefix(rest, m) {
			return m
		}
	}
	if rest[0] == '"' {
		if end := strings.IndexByte(rest[1:], '"'); end >= 0 {
			return rest[:end+2]
		}
		return rest
	}
	n := 0
	for n < len(rest) && (isWord(rest[n]) || rest[n] == '.' && !strings.HasPrefix(rest[n:], "..")) {
		n++
	}
	return rest[:max(n, 1)]
}

func isWord(c byte) bool {
	return c == '_' || c == '-' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
}

func (p *sigParser) next() string { t := p.peek(); p.at += len(t); return t }

// take takes a token if it is the next one.
func (p *sigParser) take(token string) bool {
	if p.peek() != token {
		return false
	}
	p.next()
	return true
}

func (p *sigParser) unexpected(want string) error {
	return fmt.Errorf("want %s at byte %d, got %q", want, p.at, p.peek())
}

func (p *sigParser) word() (string, error) {
	if t := p.peek(); t == "" || !isWord(t[0]) {
		return "", p.unexpected("a name")
	}
	return p.next(), nil
}

func (p *sigParser) signature() (*Signature, error) {
	s := &Signature{}
	var err error
	if s.Name, err = p.word(); err != nil {
		return nil, err
	}
	if !p.take("(") {
		return nil, p.unexpected(`"("`)
	}
	for !p.take(")") {
		if len(s.Params) > 0 || s.more != nil {
			if s.more != nil || !p.take(",") {
				return nil, p.unexpected(`"," or ")"`)
			}
		}
		param, err := p.param()
		if err != nil {
			return nil, err
		}
		if param.Name == "..." {
			s.more = &param
			continue
		}
		if n := len(s.Params); n > 0 && s.Params[n-1].Optional && !param.Optional {
			return nil, fmt.Errorf("%s is required behind an optional argument", param.Name)
		}
		s.Params = append(s.Params, param)
	}
	if p.take("->") {
		s.Returns = strings.TrimSpace(p.text[p.at:])
		p.at = len(p.text)
	}
	if p.peek() != "" {
		return nil, p.unexpected("the end")
	}
	return s, nil
}

// param reads `name: type`, `name?: type` or `name: type = default`.
func (p *sigParser) param() (Param, error) {
	var f Param
	var err error
	if p.take("...") {
		f.Name = "..."
	} else if f.Name, err = p.word(); err != nil {
		return f, err
	}
	f.Optional = p.take("?")
	if !p.take(":") {
		return f, p.unexpected(`":"`)
	}
	if f.Type, err = p.kinds(); err != nil {
		return f, err
	}
	if p.take("=") {
		f.Default, f.Optional = strings.Trim(p.next(), `"`), true
	}
	return f, nil
}

func (p *sigParser) kinds() (all Kinds, err error) {
	for {
		k, err := p.kind()
		if err != nil {
			return nil, err
		}
		for p.take("[]") {
			k = Kind{Base: "list", Item: Kinds{k}}
		}
		if all = append(all, k); !p.take("|") {
			return all, nil
		}
	}
}

func (p *sigParser) kind() (Kind, error) {
	switch t := p.peek(); {
	case strings.HasPrefix(t, `"`):
		p.next()
		return Kind{Base: "literal", Word: strings.Trim(t, `"`)}, nil
	case t == "{":
		p.next()
		return p.fields()
	}
	name, err := p.word()
	k := Kind{Base: name}
	if err != nil || !slices.Contains(ranged, name) {
		return k, err
	}
	lo, noRange := strconv.ParseFloat(p.peek(), 64)
	if noRange != nil {
		return k, nil //nolint:nilerr // a range may follow, and none does
	}
	p.next()
	if !p.take("..") {
		return k, p.unexpected(`".."`)
	}
	k.Ranged, k.Lo, k.Hi = true, lo, maxWhole
	if hi, err := strconv.ParseFloat(p.peek(), 64); err == nil {
		p.next()
		k.Hi = hi
	}
	return k, nil
}

// fields reads a table whose fields are known, behind its brace.
func (p *sigParser) fields() (Kind, error) {
	k := Kind{Base: "fields"}
	for !p.take("}") {
		if len(k.Fields) > 0 && !p.take(",") {
			return k, p.unexpected(`"," or "}"`)
		}
		f, err := p.param()
		if err != nil {
			return k, err
		}
		k.Fields = append(k.Fields, f)
	}
	return k, nil
}
