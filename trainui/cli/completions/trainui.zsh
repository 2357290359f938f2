#compdef trainui
_trainui() {
    local line
    local -a values shown
    for line in "${(@f)$(trainui __complete zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        values+=("${line%%$'\t'*}")
        shown+=("${line%%$'\t'*}  ${line#*$'\t'}")
    done
    if (( $#values )); then
        compadd -l -d shown -a values
    else
        _files
    fi
}
if [[ $funcstack[1] == _trainui ]]; then
    _trainui "$@"
else
    compdef _trainui trainui
fi
