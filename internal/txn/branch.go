package txn

import (
	"bytes"
	"strconv"
	"strings"
)

// A request that is sent to the next address of its name is another transaction there, with a branch of its own (RFC 3263 §4.3). To its machine it stays the
// same request: the branch is that of the machine with a number behind it, so who has the addresses numbers, and the machine knows every answer.

// Numbered is a request as it goes to the n-th next address of its name: data, with n behind the branch. The first, 0, is data itself.
func Numbered(data []byte, branch string, n int) []byte {
	at := bytes.Index(data, []byte(branch))
	if n == 0 || branch == "" || at < 0 {
		return data
	}
	at += len(branch)
	room := append(make([]byte, 0, len(data)+3), data[:at]...)
	room = strconv.AppendInt(append(room, '.'), int64(n), 10)
	return append(room, data[at:]...)
}

// Number is the n of a Numbered request.
func Number(data []byte, branch string) int {
	_, rest, _ := bytes.Cut(data, []byte(branch))
	if len(rest) < 2 || rest[0] != '.' {
		return 0
	}
	return int(rest[1] - '0')
}

// sentAs tells whether a branch is ours, numbered or not.
func sentAs(branch, ours string) bool {
	n, ok := strings.CutPrefix(branch, ours)
	return ok && (n == "" || len(n) == 2 && n[0] == '.' && '1' <= n[1] && n[1] <= '9')
}
