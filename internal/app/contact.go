package app

import (
	"context"
	"database/sql"

	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/contact"
)

// openBlocks gives decisions whom people blocked, and takes erased accounts out
// of everybody's lists.
func (a *App) openBlocks() *contact.Blocks {
	a.blocks = contact.New(a.db, a.options.Now)
	return a.blocks
}

func (a *App) eraseBlocks(ctx context.Context, tx *sql.Tx, account string) ([]age.Held, error) {
	return nil, a.blocks.Erase(ctx, tx, account)
}
