package filter

import (
	"fmt"
	"slices"
)

// Limits of a text. They bound the recursion and the work for one flow.
const (
	maxText  = 64 << 10
	maxDepth = 100
)

// Parse reads a filter. What its words mean is checked by Compile.
func Parse(text string) (Expr, error) {
	p := &parser{lex: lexer{text: text}}
	e, err := p.whole()
	if err != nil {
		return nil, locate(err, text)
	}
	return e, nil
}

// locate adds the text to an error that knows its place.
func locate(err error, text string) error {
	if e, ok := err.(*Error); ok && e.Text == "" && e.Key == "" { //nolint:errorlint // it is made here
		e.Text = text
	}
	return err
}

// keywords are words with a meaning of their own.
var keywords = []string{"and", "or", "not", "in", "has"}

type parser struct {
	lex   lexer
	tok   token
	depth int
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lex.next()
	return err
}

// is tells whether the next token is a mark or keyword.
func (p *parser) is(texts ...string) bool {
	return (p.tok.kind == tokMark || p.tok.kind == tokWord) && slices.Contains(texts, p.tok.text)
}

func (p *parser) take(texts ...string) (bool, error) {
	if !p.is(texts...) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) unexpected(want string) error {
	got := "the end"
	if p.tok.kind != tokEnd {
		got = show(p.lex.text[p.tok.pos:p.tok.end])
	}
	return &Error{Pos: p.tok.pos, Msg: fmt.Sprintf("want %s, got %s", want, got)}
}

// enter bounds the nesting.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return &Error{Pos: p.tok.pos, Msg: fmt.Sprintf("nested deeper than %d", maxDepth)}
	}
	return nil
}

func (p *parser) whole() (Expr, error) {
	if len(p.lex.text) > maxText {
		return nil, &Error{Msg: fmt.Sprintf("%d bytes long, at most %d are read; a long list is a parameter: src in $1", len(p.lex.text), maxText)}
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokEnd {
		return nil, &Error{Msg: "empty", Hint: "say ct.all to mean every flow"}
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokEnd {
		return nil, p.unexpected(`"and", "or" or the end`)
	}
	return e, nil
}

func (p *parser) or() (Expr, error) {
	list, err := p.series(p.and, "or", "||")
	if err != nil || len(list) == 1 {
		return first(list), err
	}
	return Or(list), nil
}

func (p *parser) and() (Expr, error) {
	list, err := p.series(p.not, "and", "&&")
	if err != nil || len(list) == 1 {
		return first(list), err
	}
	return And(list), nil
}

func first(list []Expr) Expr {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// series reads conditions with one of the words between them.
func (p *parser) series(item func() (Expr, error), words ...string) (list []Expr, err error) {
	for {
		e, err := item()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		if more, err := p.take(words...); !more || err != nil {
			return list, err
		}
	}
}

func (p *parser) not() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	pos := p.tok.pos
	if negated, err := p.take("not", "!"); err != nil {
		return nil, err
	} else if negated {
		x, err := p.not()
		return &Not{x, pos}, err
	}
	return p.condition()
}

// condition reads a comparison, a flag, has(...) or a condition in
// parentheses.
func (p *parser) condition() (Expr, error) {
	pos := p.tok.pos
	switch {
	case p.is("has"):
		return p.has()
	case p.is("(") && !p.valueAhead():
		return p.group()
	}
	l, err := p.sum()
	if err != nil {
		return nil, err
	}
	op := p.tok
	switch {
	case p.is("==", "=", "!=", "~=", "<", "<=", ">", ">="):
		if err := p.advance(); err != nil {
			return nil, err
		}
		r, err := p.value(p.sum)
		return &Cmp{comparison(op.text), l, r, op.pos}, err
	case p.is("~"):
		return p.glob(l)
	case p.is("in", "not"):
		return p.in(l)
	}
	if w, ok := l.(*Word); ok {
		return &Flag{w.Name, pos}, nil
	}
	return nil, p.unexpected(`a comparison such as "== 80"`)
}

// value reads what something is compared with. The word in, which is also a
// value of dir, stands for itself there.
func (p *parser) value(read func() (Val, error)) (Val, error) {
	if !p.is("in") {
		return read()
	}
	w := &Word{p.tok.text, p.tok.pos}
	return w, p.advance()
}

// comparison is the one spelling of an operator.
func comparison(op string) string {
	switch op {
	case "=":
		return "=="
	case "~=":
		return "!="
	}
	return op
}

// group reads a condition in parentheses.
func (p *parser) group() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if ok, err := p.take(")"); !ok || err != nil {
		return nil, or(err, p.unexpected(`")"`))
	}
	return e, nil
}

// operators are what a value is followed by, conditionWords what only stands
// in conditions.
var (
	valueOperators = []string{"==", "=", "!=", "~=", "<", "<=", ">", ">=", "~", "in", "not", "+", "-", "*", "/", "&", "|"}
	conditionWords = []string{"and", "or", "not", "in", "has", "==", "=", "!=", "~=", "<", "<=", ">", ">=", "~", "&&", "||", "!", "{"}
)

// valueAhead tells whether the parenthesis at hand holds a value, as in
// (bytes + 1) > 2: nothing of a condition stands in it, and an operator behind
// it. It looks ahead once, so that nests cost no more than their length.
func (p *parser) valueAhead() bool {
	lex, depth := p.lex, 1
	for depth > 0 {
		t, err := lex.next()
		switch {
		case err != nil || t.kind == tokEnd:
			return false
		case t.kind != tokMark && t.kind != tokWord:
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
		case slices.Contains(conditionWords, t.text):
			return false
		}
	}
	t, err := lex.next()
	return err == nil && (t.kind == tokMark || t.kind == tokWord) && slices.Contains(valueOperators, t.text)
}

func (p *parser) has() (Expr, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if ok, err := p.take("("); !ok || err != nil {
		return nil, or(err, p.unexpected(`"(" behind has`))
	}
	if p.tok.kind != tokWord || slices.Contains(keywords, p.tok.text) {
		return nil, p.unexpected("a field")
	}
	name := p.tok.text
	at := p.tok.pos
	if err := p.advance(); err != nil {
		return nil, err
	}
	if ok, err := p.take(")"); !ok || err != nil {
		return nil, or(err, p.unexpected(`")"`))
	}
	return &Has{name, at}, nil
}

// or returns the first error there is.
func or(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) glob(x Val) (Expr, error) {
	pos := p.tok.pos
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind != tokString {
		return nil, p.unexpected(`a pattern in quotes, such as "ftp*"`)
	}
	g := &Glob{x, p.tok.text, pos}
	return g, p.advance()
}

// in reads "in set" or "not in set".
func (p *parser) in(x Val) (Expr, error) {
	e := &In{X: x, Pos: p.tok.pos}
	var err error
	if e.Not, err = p.take("not"); err != nil {
		return nil, err
	}
	if ok, err := p.take("in"); !ok || err != nil {
		return nil, or(err, p.unexpected(`"in"`))
	}
	braces, err := p.take("{")
	if err != nil {
		return nil, err
	}
	for {
		if braces && p.is("}") {
			if len(e.Items) == 0 {
				return nil, &Error{Pos: p.tok.pos, Msg: "empty set: nothing could match"}
			}
			return e, p.advance()
		}
		item, err := p.value(p.atom)
		if err != nil {
			return nil, err
		}
		if item, err = p.rangeBehind(item); err != nil {
			return nil, err
		}
		e.Items = append(e.Items, item)
		if !braces {
			return e, nil
		}
		if ok, err := p.take(","); err != nil {
			return nil, err
		} else if !ok && !p.is("}") {
			return nil, p.unexpected(`"," or "}"`)
		}
	}
}

// rangeBehind joins "1 .. 5" that was written with blanks.
func (p *parser) rangeBehind(item Val) (Val, error) {
	lo, ok := item.(*Literal)
	if !ok || !p.is("..") {
		return item, nil
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind != tokLiteral {
		return nil, p.unexpected("the end of a range")
	}
	joined := &Literal{lo.Raw + ".." + p.tok.text, lo.Pos}
	return joined, p.advance()
}

// ParamNames lists the parameters of a filter, without their $, each once. It
// is empty for a text that cannot be read.
func ParamNames(text string) (names []string) {
	lex := lexer{text: text}
	for {
		t, err := lex.next()
		if err != nil || t.kind == tokEnd {
			return names
		}
		if t.kind == tokParam && !slices.Contains(names, t.text[1:]) {
			names = append(names, t.text[1:])
		}
	}
}
