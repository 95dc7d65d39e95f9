package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// Print renders a condition in its one form, which Parse reads as the same.
func Print(e Expr) string {
	var b strings.Builder
	printExpr(&b, e, 0)
	return b.String()
}

// How tightly conditions and values hold together.
const (
	levelOr = iota + 1
	levelAnd
	levelNot
	levelSum
	levelProduct
	levelAtom
)

// printExpr writes e, in parentheses where what is around it holds tighter.
func printExpr(b *strings.Builder, e Expr, around int) {
	switch e := e.(type) {
	case Or:
		printList(b, e, " or ", levelOr, around)
	case And:
		printList(b, e, " and ", levelAnd, around)
	case *Not:
		b.WriteString("not ")
		printExpr(b, e.X, levelNot)
	case *Cmp:
		printVal(b, e.L, levelSum)
		b.WriteString(" " + e.Op + " ")
		printVal(b, e.R, levelSum)
	case *In:
		printVal(b, e.X, levelSum)
		if e.Not {
			b.WriteString(" not")
		}
		b.WriteString(" in ")
		printSet(b, e.Items)
	case *Glob:
		printVal(b, e.X, levelSum)
		b.WriteString(" ~ " + quote(e.Pattern))
	case *Has:
		b.WriteString("has(" + e.Field + ")")
	case *Flag:
		b.WriteString(e.Name)
	}
}

func printList(b *strings.Builder, list []Expr, word string, level, around int) {
	if around > level {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, e := range list {
		if i > 0 {
			b.WriteString(word)
		}
		printExpr(b, e, level+1)
	}
}

func printSet(b *strings.Builder, items []Val) {
	if len(items) == 1 {
		printVal(b, items[0], levelAtom)
		return
	}
	b.WriteByte('{')
	for i, v := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		printVal(b, v, levelAtom)
	}
	b.WriteByte('}')
}

func printVal(b *strings.Builder, v Val, around int) {
	switch v := v.(type) {
	case *Word:
		b.WriteString(v.Name)
	case *Literal:
		b.WriteString(v.Raw)
	case *Text:
		b.WriteString(quote(v.Value))
	case *Param:
		b.WriteString("$" + v.Name)
	case *Given:
		b.WriteString(v.text())
	case *Call:
		b.WriteString(v.Fn + "(")
		for i, a := range v.Args {
			if i > 0 {
				b.WriteString(", ")
			}
			printVal(b, a, levelSum)
		}
		b.WriteByte(')')
	case *Arith:
		level := levelSum
		if v.Op == "*" || v.Op == "/" || v.Op == "&" {
			level = levelProduct
		}
		if around > level {
			b.WriteByte('(')
			defer b.WriteByte(')')
		}
		printVal(b, v.L, level)
		b.WriteString(" " + v.Op + " ")
		printVal(b, v.R, level+1)
	}
}

// quote renders a text so that the lexer reads it back.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// text renders a value that came from code.
func (g *Given) text() string {
	switch v := g.Value.(type) {
	case string:
		if _, err := readLiteral(v); err == nil || isPlainWord(v) {
			return v
		}
		return quote(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(g.Value)
}

// isPlainWord tells whether a text can stand without quotes: it reads as one
// word that is no field or keyword.
func isPlainWord(s string) bool {
	if s == "" || !isLetter(s[0]) || slices.Contains(words(field.Flow), s) || slices.Contains(keywords, s) || s == "true" || s == "false" || addressAhead(s) {
		return false
	}
	for i := range len(s) {
		if !isWord(s[i]) {
			return false
		}
	}
	return true
}

// PrintValue renders a value in its one form.
func PrintValue(v Val) string {
	var b strings.Builder
	printVal(&b, v, levelSum)
	return b.String()
}
