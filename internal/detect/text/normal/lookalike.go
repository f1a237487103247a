package normal

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// latinTable gives the plain letters of Latin letters with accents, of ligatures, and
// of Latin letters in another shape (phonetic, small capitals, in circles or squares).
func latinTable() map[rune]string {
	t := map[rune]string{
		'ø': "o", 'đ': "d", 'ð': "d", 'ł': "l", 'ħ': "h", 'ŧ': "t", 'þ': "th", 'ı': "i", 'ȷ': "j",
		'æ': "ae", 'œ': "oe", 'ß': "ss", 'ƒ': "f", 'ƙ': "k", 'ƴ': "y", 'ƶ': "z", 'ŀ': "l", 'ŋ': "n",
		'ɑ': "a", 'ɐ': "a", 'ᴀ': "a", 'ʙ': "b", 'ƀ': "b", 'ɓ': "b", 'ᴃ': "b", 'ᴄ': "c", 'ƈ': "c",
		'ɖ': "d", 'ɗ': "d", 'ᴅ': "d", 'ɛ': "e", 'ə': "e", 'ɘ': "e", 'ǝ': "e", 'ᴇ': "e", 'ꜰ': "f",
		'ɡ': "g", 'ɢ': "g", 'ɠ': "g", 'ʜ': "h", 'ɦ': "h", 'ɪ': "i", 'ɩ': "i", 'ɨ': "i", 'ʝ': "j",
		'ᴊ': "j", 'ɉ': "j", 'ᴋ': "k", 'ʟ': "l", 'ɫ': "l", 'ɭ': "l", 'ᴍ': "m", 'ɱ': "m", 'ɯ': "m",
		'ɴ': "n", 'ɲ': "n", 'ɳ': "n", 'ᴏ': "o", 'ɵ': "o", 'ɔ': "o", 'ᴘ': "p", 'ƥ': "p", 'ʠ': "q",
		'ʀ': "r", 'ɹ': "r", 'ɾ': "r", 'ɼ': "r", 'ꜱ': "s", 'ʂ': "s", 'ᴛ': "t", 'ʈ': "t", 'ƭ': "t",
		'ᴜ': "u", 'ʊ': "u", 'ʉ': "u", 'ᴠ': "v", 'ʋ': "v", 'ᴡ': "w", 'ʍ': "w", 'ʏ': "y", 'ᴢ': "z",
		'ʐ': "z", 'ʑ': "z",
	}
	for _, block := range [][2]rune{{0xc0, 0x24f}, {0x1e00, 0x1eff}} {
		for r := block[0]; r <= block[1]; r++ {
			if d := norm.NFD.String(string(r)); len(d) > 1 && isASCIILetter(d[0]) {
				t[r] = d[:1]
			}
		}
	}
	for i := range rune(26) {
		letter := string('a' + i)
		t[0x1f130+i], t[0x1f150+i], t[0x1f170+i] = letter, letter, letter // in squares, dark circles, dark squares
	}
	return t
}

// lookalikeTable gives the Latin letter that a letter of another script looks like.
// It goes only from other scripts to ASCII letters, and only where a reader takes the
// one for the other. The skeleton of UTS #39 is of no use here: it also rewrites ASCII
// ("m" becomes "rn", "1" becomes "l"), which is right for comparing two names and
// wrong for finding words.
func lookalikeTable() map[rune]byte {
	t := make(map[rune]byte)
	for _, row := range []struct{ foreign, latin string }{
		{"авсԁеёѐәғԍһнҥіїјкқҝӏмпռоөрԛгѕтцѵԝшхҳуүўзбьч", "abcdeeeefghhniijkkklmnnoopqrstuvwwxxyyyzbbr"}, // Cyrillic
		{"αβϲδεφγηικνοπρσςτυμχωζθξϳ", "abcdefynikvonpootuuxwzoej"},                                     // Greek
		{"օսոհզցյլքաեթտ", "ounhqgjlpwetm"},                                                             // Armenian
		{"ꭺᏼꮯꭰꭼꮐꮋꭵꭻꮶꮮꮇꮲꮢꮪꭲꮩꮃꮍꮓ", "abcdeghijklmprstvwyz"},                                               // Cherokee
		{"ⲁⲃⲥⲉⲓⲕⲙⲟⲣⲧⲩⲭ", "abceikmoptyx"},                                                               // Coptic
	} {
		i := 0
		for _, r := range row.foreign {
			t[r] = row.latin[i]
			i++
		}
	}
	return t
}

// isStacked reports whether mark carries no meaning on letter once both are composed:
// any mark on a letter of a Latin, Greek, Cyrillic or Armenian word, and the optional
// vowel signs of Hebrew and Arabic. In other scripts, such as Devanagari, marks are
// vowels and stay.
func isStacked(letter, mark rune) bool {
	switch {
	case letter < utf8.RuneSelf:
		return true
	case mark >= 0x591 && mark <= 0x5c7, mark >= 0x64b && mark <= 0x652, mark == 0x670:
		return true
	}
	return isFramedLetter(letter) || unicode.In(letter, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Armenian, unicode.Cherokee, unicode.Coptic)
}
