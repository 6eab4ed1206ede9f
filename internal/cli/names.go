package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/topology"
)

// noSuch says that the document does not have something, and what it has.
func noSuch(what, name string, have []string) error {
	return errors.New("the document has " + lacking(what, name, have))
}

// lacking names what is not there, and what is: all of a few names, of many the one that was probably meant.
func lacking(what, name string, have []string) string {
	const few = 20
	near := topology.Nearest(name, have)
	switch {
	case len(have) == 0:
		return fmt.Sprintf("no %s %q; it has none at all", what, name)
	case len(have) > few && near != "":
		return fmt.Sprintf("no %s %q; did you mean %q?", what, name, near)
	case len(have) > few:
		return fmt.Sprintf("no %s %q; it has %s and %d more", what, name, strings.Join(have[:few], ", "), len(have)-few)
	}
	return fmt.Sprintf("no %s %q; it has %s", what, name, strings.Join(have, ", "))
}

// trunkList are the trunks of the running server; an error when none runs.
func (a *app) trunkList(ctx context.Context) (list []server.TrunkView, err error) {
	err = a.client().get(ctx, "/trunks", &list)
	return list, err
}

// unknownTrunk tells who has found no calls of a trunk that the running server has none of that name. Calls of a trunk that is no more are found before that;
// without a server nobody knows which trunks there are.
func (a *app) unknownTrunk(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	list, err := a.trunkList(ctx)
	if err != nil || slices.ContainsFunc(list, func(v server.TrunkView) bool { return strings.EqualFold(v.Name, name) }) {
		return nil
	}
	return errors.New("no call has had that trunk, and the running server has " + lacking("trunk", name, namesOfTrunks(list)))
}

func namesOfTrunks(list []server.TrunkView) (names []string) {
	for i := range list {
		names = append(names, list[i].Name)
	}
	return names
}
