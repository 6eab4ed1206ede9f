package topology

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxNumber is the longest number, in bytes, that a rule or route looks at. Longer ones match nothing.
const MaxNumber = 64

// maxPattern bounds a pattern; RE2 keeps matching linear, this keeps compiling so.
const maxPattern = 512

// Apply rewrites number when the pattern matches: every match is replaced and the rest stays, as .NET's Regex.Replace does.
// It does not allocate when there is no match.
func (r *Rule) Apply(number string) (string, bool) {
	if len(number) > MaxNumber || r.Re == nil {
		return "", false
	}
	at := r.Re.FindStringSubmatchIndex(number)
	if at == nil {
		return "", false
	}
	if at[0] == 0 && at[1] == len(number) {
		var room [2 * MaxNumber]byte
		return string(r.Re.ExpandString(room[:0], r.Expand, number, at)), true
	}
	return r.Re.ReplaceAllString(number, r.Expand), true
}

// Matches tells whether the route's pattern matches a number of at most MaxNumber bytes that is none of its exceptions.
func (r *Route) Matches(number string) bool {
	return len(number) <= MaxNumber && r.Re != nil && r.Re.MatchString(number) && !r.excepts(number)
}

// compiled is a rule with its place, for messages.
type compiled struct {
	rule Rule
	doc  ruleDoc
	item *node
}

// ruleList reads an ordered list of rules.
func (c *compiler) ruleList(n *node, fields []field[ruleDoc]) []compiled {
	var rules []compiled
	named := map[string]bool{}
	for _, item := range c.list(n) {
		if r, ok := c.oneRule(item, fields); ok {
			if name := strings.ToLower(r.rule.Name); name != "" {
				if named[name] {
					c.errorf(r.doc.name, "the rule %q is there twice in this list", r.rule.Name).fixf("Choose another name")
				}
				named[name] = true
			}
			rules = append(rules, r)
		}
	}
	return rules
}

func (c *compiler) oneRule(item *node, fields []field[ruleDoc]) (compiled, bool) {
	r := compiled{item: item}
	decode(c, item, fields, &r.doc)
	if item.kind != mapping {
		return r, false
	}
	if r.doc.name != nil && c.checkName(r.doc.name) {
		r.rule.Name = r.doc.name.text
	}
	switch {
	case r.doc.pattern == nil:
		if item.get("pattern") == nil {
			c.errorf(item, "the rule has no pattern").fixf(`Add pattern: ^(\d{4})$`)
		}
		return r, false
	case item.get("translation") == nil:
		c.errorf(item, "the rule has no translation").fixf("Add translation: +1425555$1, or \"\" to remove what matches")
		return r, false
	}
	r.rule.Pattern = r.doc.pattern.text
	r.rule.Re = c.pattern(r.doc.pattern)
	if r.rule.Re == nil {
		return r, false
	}
	if r.doc.translation.kind > scalar {
		c.text(r.doc.translation)
		return r, false
	}
	r.rule.Translation = r.doc.translation.text
	if r.doc.translation.kind == null {
		r.rule.Translation = "" // "translation:" and "translation: ~" remove the match
	}
	if at := strings.IndexByte(r.rule.Translation, '\\'); at >= 0 {
		c.backslash(r.doc.translation, strings.TrimLeft(r.rule.Translation[at:], "\\"))
	}
	expand, why, fix := expansion(r.rule.Translation, r.rule.Re)
	if why != "" {
		c.errorf(r.doc.translation, "the translation %q %s", r.rule.Translation, why).fixf("%s", fix)
		return r, false
	}
	r.rule.Expand = expand
	return r, true
}

// backslash warns of one in a translation, where it becomes part of the number: it is how sed and voice translation rules of Cisco write groups, and
// how patterns write a plus sign. What is done with the rule is as before: a server that has run with it, perhaps without need of it, has to start.
func (c *compiler) backslash(n *node, behind string) {
	p := c.warnf(n, "the translation %s has a backslash, which becomes part of the number, and no number has one", n.text)
	switch first, _ := utf8.DecodeRuneInString(behind); {
	case first >= '0' && first <= '9':
		p.fixf("Write $%c for group %c", first, first)
	case behind != "":
		p.fixf("Write %c alone: only patterns need the backslash", first)
	default:
		p.fixf("Remove it")
	}
}

// pattern compiles a pattern, nil after a mistake.
func (c *compiler) pattern(n *node) *regexp.Regexp {
	if len(n.text) > maxPattern {
		c.errorf(n, "the pattern has %d bytes, more than %d", len(n.text), maxPattern).fixf("Split it into several rules")
		return nil
	}
	if what, fix := dotNetOnly(n.text); what != "" {
		c.errorf(n, "the pattern %s has %s, which is not supported", n.text, what).fixf("%s", fix)
		return nil
	}
	re, err := regexp.Compile(n.text)
	if err != nil {
		why := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		p := c.errorf(n, "the pattern %s is not a regular expression: %s", n.text, why)
		p.fixf("Use the syntax of RE2")
		if e := new(syntax.Error); errors.As(err, &e) && e.Code == syntax.ErrMissingRepeatArgument {
			p.fixf("Write \\%s for the character %s", e.Expr, e.Expr)
		}
		return nil
	}
	if strings.HasPrefix(n.text, "_") || strings.Contains(n.text, "XX") {
		c.warnf(n, "the pattern %s is a regular expression, in which X and _ stand for themselves, and no number has them", n.text).
			fixf(`Write \d for a digit, \d{4} for four, \d+ for any number of them, and ^ and $ for the ends`)
	}
	if repeatsAnchor(n.text) {
		c.warnf(n, "the pattern %s repeats an anchor: a +, * or ? behind ^ or $ stands for no character", n.text).fixf("Write \\+, \\* or \\? for the character")
	}
	return re
}

// dotNet is what .NET's expressions have and RE2 has not, with the way to do without. Longer beginnings come first.
var dotNet = []struct{ begin, what, fix string }{
	{"(?<=", "a look-behind (?<=…)", "Match the text before in a group and repeat the group in the translation"},
	{"(?<!", "a negative look-behind (?<!…)", "Put a rule for the excluded numbers before this one"},
	{"(?=", "a look-ahead (?=…)", "Match the text behind in a group and repeat the group in the translation"},
	{"(?!", "a negative look-ahead (?!…)", "Put a rule or route for the excluded numbers before this one"},
	{"(?>", "an atomic group (?>…)", "Write (?:…)"},
	{"(?(", "a conditional (?(…)…)", "Write one rule for each case"},
	{"(?#", "a comment (?#…)", "Write a YAML comment"},
	{"(?'", "a group (?'name'…)", "Write (?<name>…)"},
	{`\Z`, `the anchor \Z`, "Write $"},
	{`\G`, `the anchor \G`, "Write ^"},
	{`\k`, `a back-reference \k`, "Write the digits out"},
	{`\u`, `the escape \u`, `Write \x{…}`},
	{`\c`, `the escape \c`, `Write \x{…}`},
	{`\e`, `the escape \e`, `Write \x1b`},
}

// dotNetOnly finds the first construct that only .NET knows.
func dotNetOnly(pattern string) (what, fix string) {
	inClass := false
	for i := 0; i < len(pattern); i++ {
		for _, d := range dotNet {
			if strings.HasPrefix(pattern[i:], d.begin) && (!inClass || d.begin[0] == '\\' && d.begin != `\k`) {
				return d.what, d.fix
			}
		}
		switch b := pattern[i]; {
		case b == '\\':
			if i++; !inClass && i < len(pattern) && pattern[i] >= '1' && pattern[i] <= '9' {
				return `a back-reference \` + pattern[i:i+1], "Write the digits out"
			}
		case inClass && strings.HasPrefix(pattern[i:], "-["):
			return "a class subtraction [a-[b]]", "Write the remaining characters out"
		case b == '[' && !inClass:
			inClass = true
			if rest := strings.TrimPrefix(pattern[i+1:], "^"); strings.HasPrefix(rest, "]") {
				i = len(pattern) - len(rest) // a bracket that comes first is a member
			}
		case b == ']':
			inClass = false
		}
	}
	return "", ""
}

// expansion turns a .NET replacement into Go's form and proves that every group exists; else it says why not.
func expansion(translation string, re *regexp.Regexp) (expand, why, fix string) {
	var b strings.Builder
	for i := 0; i < len(translation); i++ {
		if translation[i] != '$' {
			b.WriteByte(translation[i])
			continue
		}
		rest := translation[i+1:]
		switch {
		case strings.HasPrefix(rest, "$"):
			b.WriteString("$$")
			i++
		case strings.HasPrefix(rest, "&"):
			b.WriteString("${0}")
			i++
		case strings.HasPrefix(rest, "{"):
			name, _, closed := strings.Cut(rest[1:], "}")
			if !closed || name == "" {
				return "", "has a ${ without its name and }", "Write ${1} or ${name}"
			}
			if why, fix = groupExists(name, re); why != "" {
				return "", why, fix
			}
			b.WriteString("${" + plain(name) + "}")
			i += len(name) + 2
		default:
			digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
			if digits == 0 {
				return "", "has a $ that no group follows", "Write $1 for the first group or $$ for the character"
			}
			if why, fix = groupExists(rest[:digits], re); why != "" {
				if n := int(rest[0] - '0'); digits > 1 && n <= re.NumSubexp() {
					fix = fmt.Sprintf("Write ${%d}%s for group %d and the digits %s", n, rest[1:digits], n, rest[1:digits])
				}
				return "", why, fix
			}
			b.WriteString("${" + plain(rest[:digits]) + "}")
			i += digits
		}
	}
	return b.String(), "", ""
}

// plain drops leading zeros of a group number: Go takes 01 for a name.
func plain(group string) string {
	if n, err := strconv.ParseUint(group, 10, 16); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return group
}

// groupExists checks a number or name of a group.
func groupExists(name string, re *regexp.Regexp) (why, fix string) {
	groups := re.NumSubexp()
	n, err := strconv.ParseUint(name, 10, 16)
	if err != nil {
		if re.SubexpIndex(name) >= 0 {
			return "", ""
		}
		return fmt.Sprintf("refers to the group %q that the pattern does not have", name), "Name it in the pattern: (?<" + name + ">…)"
	}
	if n <= uint64(groups) {
		return "", ""
	}
	return fmt.Sprintf("refers to group %d, but the pattern has %d", n, groups), "Put what is meant into parentheses in the pattern"
}
