if (responseMap.get('d1') == null) return;
globalMap.put('x', 1);