for (var j = 0; j < msg['PID']['PID.3'].length(); j++) {
msg['PID']['PID.3'][j]['PID.3.4'] = validate('HOSP', '', new Array());
}
