-- These letters are searched for by plain ones from now on; what is stored already follows.
UPDATE customers SET search = replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(search, 'ł', 'l'), 'ø', 'o'), 'đ', 'd'), 'ð', 'd'), 'ħ', 'h'), 'ı', 'i'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')
WHERE search <> replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(search, 'ł', 'l'), 'ø', 'o'), 'đ', 'd'), 'ð', 'd'), 'ħ', 'h'), 'ı', 'i'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th');
