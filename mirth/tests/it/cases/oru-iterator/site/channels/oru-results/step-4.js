var mrn = $c('mrn');
for each (seg in msg..OBX) {
    if (seg['OBX.8']['OBX.8.1'].toString() == 'A') {
        seg['OBX.8']['OBX.8.1'] = 'N';
    }
}
var pid = msg.PID['PID.3']['PID.3.1'].toString();
var note = <NTE><NTE.1>1</NTE.1></NTE>;
var when = DateUtil.getCurrentDate('yyyyMMdd');
globalMap.put('last', mrn);