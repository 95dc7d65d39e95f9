package filter

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// Given is a value that came from code, in a filter that is a table.
type Given struct {
	Value any
}

func (*Given) at() int { return 0 }

// CompileTable makes a filter from the table form: fields with what they must
// be. A value is a string, number or boolean, or a list of them of which one
// must match; a string may begin with an operator: ">1MB", "!ESTABLISHED". An
// empty table is an error, because somebody whose variables are empty does not
// mean every flow.
func CompileTable(table map[string]any, env *Env) (Filter, error) {
	if len(table) == 0 {
		return Filter{}, &Error{Msg: "empty", Hint: "say ct.all to mean every flow"}
	}
	keys := make([]string, 0, len(table))
	for k := range table {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var list And
	for _, k := range keys {
		e, err := termOf(env.fields(), k, table[k])
		if err == nil {
			_, err = compile(e, nil, env) // to name the key
		}
		if err != nil {
			return Filter{}, keyed(k, err)
		}
		list = append(list, e)
	}
	if len(list) == 1 {
		return compile(list[0], nil, env)
	}
	return compile(list, nil, env)
}

// keyed names the key that an error is about.
func keyed(key string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Key == "" && !strings.HasPrefix(e.Msg, "unknown field") {
		named := *e
		named.Key, named.Msg = key, strings.TrimPrefix(e.Msg, key+": ")
		return &named
	}
	return err
}

// operators that a string may begin with, longer ones first.
var operators = []string{">=", "<=", "!=", "==", ">", "<", "!"}

func termOf(set *field.Set, key string, given any) (Expr, error) {
	if !slices.Contains(words(set), key) {
		return nil, unknownField(set, key, 0)
	}
	x := &Word{Name: key}
	switch v := given.(type) {
	case bool:
		f, ok := set.Lookup(key)
		if !ok || f.Kind != field.Flag {
			return nil, &Error{Msg: fmt.Sprintf("want a value, got %v", v)}
		}
		if v {
			return &Flag{Name: key}, nil
		}
		return &Not{X: &Flag{Name: key}}, nil
	case string:
		return stringTerm(x, v)
	case []any:
		if len(v) == 0 {
			return nil, &Error{Msg: "empty list: no flow could match"}
		}
		e := &In{X: x}
		for i, m := range v {
			if m == nil || m == "" {
				return nil, &Error{Msg: fmt.Sprintf("item %d of the list is empty", i+1)}
			}
			e.Items = append(e.Items, &Given{m})
		}
		return e, nil
	}
	return &Cmp{Op: "==", L: x, R: &Given{given}}, nil
}

// stringTerm reads ">1MB", "!ESTABLISHED", "10.0.0.0/8", "1..1023" or a plain
// value.
func stringTerm(x *Word, s string) (Expr, error) {
	if s == "" {
		return nil, &Error{Msg: "empty string", Hint: "leave the field out to select any"}
	}
	op := "=="
	for _, o := range operators {
		if rest, ok := strings.CutPrefix(s, o); ok {
			op, s = o, strings.TrimSpace(rest)
			break
		}
	}
	if op == "!" {
		op = "!="
	}
	if s == "" {
		return nil, &Error{Msg: "an operator without a value"}
	}
	k, err := readLiteral(s)
	set := err == nil && (k.kind == constPrefix || k.kind == constRange || k.kind == constAddrRange)
	switch {
	case set && (op == "==" || op == "!="):
		return &In{X: x, Not: op == "!=", Items: []Val{&Given{s}}}, nil
	case set:
		return nil, &Error{Msg: fmt.Sprintf("%s does not go with %s", op, show(s))}
	}
	return &Cmp{Op: op, L: x, R: &Given{s}}, nil
}
