package store

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/directsip/directsip/internal/cdr"
)

// TestKeysFindEveryEnd: what is looked up by an end of a number or a beginning of an id is in the range.
func TestKeysFindEveryEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(rapid.StringMatching(`\+?[0-9*#]{1,20}`), rapid.StringN(1, 30, -1)).Draw(t, "text")
		cut := rapid.IntRange(0, len(v)-1).Draw(t, "cut")
		key, _, _ := numberRange(v)
		if low, high, _ := numberRange(v[cut:]); key < low || key > high {
			t.Errorf("number %q is not found by %q", v, v[cut:])
		}
		key, _ = keyCallID.keyRange(v, true)
		if low, high := keyCallID.keyRange(v[:cut+1], false); key < low || key > high {
			t.Errorf("%q is not found by %q", v, v[:cut+1])
		}
		if low, high := keyID.keyRange(v, false); key >= low && key <= high {
			t.Errorf("Call-ID %q is found as an id", v)
		}
	})
}

// TestExactNumberRangeHasNothingElse: a range that is called exact needs no second look.
func TestExactNumberRangeHasNothingElse(t *testing.T) {
	digits := `\+?[0-9*#a-c]{1,16}`
	rapid.Check(t, func(t *rapid.T) {
		v, what := rapid.StringMatching(digits).Draw(t, "number"), rapid.StringMatching(`\+?[0-9*#]{1,3}`).Draw(t, "what")
		low, high, exact := numberRange(what)
		key, _, _ := numberRange(v)
		r := &cdr.Record{Called: cdr.Number{Received: v}}
		if !exact || (key >= low && key <= high) != hasNumber(r, what) {
			t.Errorf("%q in the range of %q, exact %v", v, what, exact)
		}
	})
}

// TestNamesAreComparedInFull: keys of names are alike.
func TestNamesAreComparedInFull(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	defer mustClose(t, s)
	for i, name := range []string{"bob", "dad", "lab", "rob", "+4912345678901234567", "+3312345678901234567"} {
		r := sample(i)
		r.Called, r.Calling = cdr.Number{Received: name}, cdr.Number{Received: "anonymous"}
		s.Put(r)
	}
	for what, want := range map[string]int64{"bob": 1, "ob": 2, "b": 3, "anonymous": 6, "912345678901234567": 1, "12345678901234567": 2, "Bob": 0} {
		n, err := s.Count(t.Context(), Filter{Number: what})
		list, errList := s.List(t.Context(), Filter{Number: what})
		if n != want || int64(len(list)) != want || err != nil || errList != nil {
			t.Errorf("%s: Count %d, List %d, want %d; %v %v", what, n, len(list), want, err, errList)
		}
	}
}
